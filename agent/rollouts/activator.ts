/**
 * What a rollout asks of whoever brings containers about, as a port between the decisions and Docker Compose. Names are
 * Compose's: a stack is a project, and `up` makes it what a release says.
 */
import type { RunningImage } from '../../src/domain/rollout.ts';
import type { ProjectContainer } from '../docker/project-container.ts';
import type { Trouble } from './decide/classify-trouble.ts';
import type { ExitCodes } from './decide/crashes.ts';
import type { Plan } from './record/stack-record.ts';

export interface StepLimit {
  /** Then the step is ended, and counts as failed. */
  readonly limitMs: number;
  /** Cuts the step off at once; the next agent goes on from what runs then. */
  readonly signal: AbortSignal;
}

/** What a step came to that ran. */
export interface StepOutcome {
  /** 0: done. -1: it did not come to its own end. 126 or 127: its program cannot be started, or is not there. */
  readonly exitCode: number;
  /** The end of what it said, or why it was ended; empty when it is done. */
  readonly output: string;
}

export interface PullOptions {
  /** On the way back: the images that ran, and what is there is not fetched, whatever the pull policies say. */
  readonly onlyMissing: boolean;
  /** On the way forward: what the first host ran, as digests by reference; null: what the names stand for. */
  readonly canary: Readonly<Record<string, string | null>> | null;
  /** On the way back: the images that ran, by service; null where that is not known. */
  readonly ran: Readonly<Record<string, string>> | null;
}

/**
 * Steps of one stack never overlap. They throw a NexusError: `invalid` when trying again cannot help, `unauthorized`
 * when the server refuses the token, another one when it may.
 */
export interface Activator {
  /** Called once, before anything else: ends what an earlier agent has left at work. Never throws. */
  endOrphans(): Promise<void>;
  /** All containers of a stack, stopped ones too, by name. Throws when the engine does not tell. */
  containers(stack: string): Promise<readonly ProjectContainer[]>;
  /** Has the release's files on this host, verified and resolved, and returns what they say. */
  prepare(stack: string, release: string, limit: StepLimit): Promise<Plan>;
  /** Has the release's images on this host. */
  pull(stack: string, release: string, options: PullOptions, limit: StepLimit): Promise<StepOutcome>;
  /** What the containers of each service run, where those of `release` run. Throws when the engine does not tell. */
  images(stack: string, release: string): Promise<readonly RunningImage[]>;
  /** What of this host is in the way of the release; null when nothing is known to be. */
  findObstacle(stack: string, release: string, limit: StepLimit): Promise<Trouble | null>;
  /**
   * Makes the release what runs, and waits until it does. `afresh`: containers that were made and have never run are made
   * again, as they may never run. `renew`: so are those that are not well, though nothing about them changes. `except`:
   * services that are left as they are, but for containers of other releases, which are removed.
   */
  up(
    stack: string,
    release: string,
    options: { readonly afresh: boolean; readonly renew: boolean; readonly except: readonly string[] },
    limit: StepLimit,
  ): Promise<StepOutcome>;
  /** Takes the stack's containers and networks away, but not its volumes. */
  down(stack: string, limit: StepLimit): Promise<StepOutcome>;
  /** With which codes containers of the stack have ended lately. */
  exitCodes(stack: string): Promise<ExitCodes>;
  /** The last lines that a container has printed; empty when they cannot be read. */
  readLog(containerId: string, lines: number): Promise<string>;
  /** Forgets every release of the stack but these. */
  prune(stack: string, kept: readonly string[]): Promise<void>;
}
