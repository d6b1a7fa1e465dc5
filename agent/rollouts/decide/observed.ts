import type { RunningImage } from '../../../src/domain/rollout.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Plan } from '../record/stack-record.ts';
import type { Trouble } from './classify-trouble.ts';
import type { ExitCodes } from './crashes.ts';
import type { Runs } from './watch-runs.ts';

/** How a step ended that this process has tried. */
export type Outcome =
  | { readonly ok: true; readonly at: ClockReading }
  | {
      readonly ok: false;
      readonly at: ClockReading;
      /** -1: nothing ran to its own end. */
      readonly exitCode: number;
      /** A sentence, or the last output of what failed. */
      readonly output: string;
      /** Whether trying again is pointless. */
      readonly isFinal: boolean;
      /** The trouble of this host or of a registry that it ran into; null: the release is at fault. */
      readonly trouble: Trouble | null;
    };

export interface Tried {
  readonly attempts: number;
  readonly last: Outcome;
}

export type Step = 'prepare' | 'pull' | 'check' | 'up' | 'down';

/** The latest result of one of the release's own probes. */
export interface ProbeReading {
  readonly name: string;
  readonly status: 'pass' | 'fail';
  readonly at: ClockReading;
  readonly reason: string | null;
}

/** After this many failures, what a step has left behind may itself be the obstacle. */
const STUBBORN_ATTEMPTS = 2;

/** Whether a step has failed so often that it should start from a clean slate. */
export function isStubborn(tried: Tried | undefined): boolean {
  return tried !== undefined && !tried.last.ok && tried.attempts >= STUBBORN_ATTEMPTS;
}

/** What is observed now, as opposed to what is wanted. None of it survives the process. */
export interface Observed {
  /** The project's containers; null: the engine does not answer. */
  readonly containers: readonly ProjectContainer[] | null;
  /** The present run of each container. */
  readonly runs: Runs;
  /** Since when this process has seen them without a gap; null while it does not. */
  readonly seenSince: ClockReading | null;
  /** Since when the engine does not answer, and why; null while it does. */
  readonly unseen: { readonly since: ClockReading; readonly reason: string } | null;
  /** The steps that were tried in this phase. */
  readonly tried: Readonly<Partial<Record<Step, Tried>>>;
  /** The plan of the release that was last prepared in this phase: the rollout's, or what is gone back to. */
  readonly plan: Plan | null;
  /** A step of this phase may have been cut off by a crash of this agent or of the engine. */
  readonly wasInterrupted: boolean;
  /** With which codes containers that have restarted had ended; empty while none has. */
  readonly exitCodes: ExitCodes;
  /** The latest reading of each probe that has been run. */
  readonly readings: readonly ProbeReading[];
  /** What the last `up` has brought up; null when it is not known. */
  readonly images: readonly RunningImage[] | null;
}
