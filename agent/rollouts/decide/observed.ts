import type { ClockReading } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Plan } from '../record/stack-record.ts';

/** What became of a step that this process has tried. */
export type Outcome =
  | { readonly ok: true; readonly at: ClockReading }
  | {
      readonly ok: false;
      readonly at: ClockReading;
      /** -1: nothing ran to its own end. */
      readonly exitCode: number;
      /** A sentence, or the last output of what failed. */
      readonly output: string;
      /** Trying again cannot help. */
      readonly isFinal: boolean;
    };

export interface Tried {
  readonly attempts: number;
  readonly last: Outcome;
}

const STEPS = ['prepare', 'pull', 'up', 'down'] as const;
export type Step = (typeof STEPS)[number];

/** The latest answer of one of the release's own probes. */
export interface ProbeReading {
  readonly name: string;
  readonly status: 'pass' | 'fail';
  readonly at: ClockReading;
  readonly reason: string | null;
}

/** From this many failures on, what a step has left behind may itself be what it stumbles over. */
const STUBBORN_ATTEMPTS = 2;

/** Whether a step has failed so often that it is to begin from a clean slate. */
export function isStubborn(tried: Tried | undefined): boolean {
  return tried !== undefined && !tried.last.ok && tried.attempts >= STUBBORN_ATTEMPTS;
}

/** What is the case now, as opposed to what is wanted. Nothing in it survives the process. */
export interface Observed {
  /** The project's containers; null: the engine does not answer. */
  readonly containers: readonly ProjectContainer[] | null;
  /** Since when this process has seen them without a gap; null while it does not. */
  readonly seenSince: ClockReading | null;
  /** What was tried in this phase; a step that is missing has not been tried. */
  readonly tried: Readonly<Partial<Record<Step, Tried>>>;
  /** The plan of the rollout's release, once its files are on disk. */
  readonly plan: Plan | null;
  /** A step of this phase may have been cut off: by a crash of this agent, or of the engine. */
  readonly wasInterrupted: boolean;
  /** Latest first reading of each probe; none before it was run. */
  readonly readings: readonly ProbeReading[];
}
