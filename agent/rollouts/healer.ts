import type { Log } from '../../src/domain/log.ts';
import { type ClockReading, elapsedMs, type MonotonicClock } from '../async/clock-reading.ts';
import type { Semaphore } from '../async/semaphore.ts';
import type { ProjectContainer } from '../docker/project-container.ts';
import { findStopped } from './decide/find-stopped.ts';
import type { GuardedRelease } from './record/stack-record.ts';
import type { StepAction, StepRunner } from './run-steps.ts';

const LOOK_MS = 5_000;
/** What is stopped for a shorter time is being restarted by somebody. */
const PATIENCE_MS = 10_000;
/** Waits before the second attempt, the third and so on; the last one holds for all after it. */
const RETRY_MS = [30_000, 60_000, 300_000, 600_000] as const;
/** A stack that has run for so long has been healed: the next drift is another one. */
const WELL_MS = 600_000;

export interface HealerOptions {
  readonly stack: string;
  readonly steps: Pick<StepRunner, 'run'>;
  readonly semaphore: Semaphore;
  readonly clock: MonotonicClock;
  readonly log: Log;
}

/** Brings back what a release with `on_drift: heal` runs, after somebody has stopped or removed it. */
export class Healer {
  readonly #options: HealerOptions;
  #stoppedSince: ClockReading | null = null;
  #attempts = 0;
  #lastAt: ClockReading | null = null;

  constructor(options: HealerOptions) {
    this.#options = options;
  }

  /** Looks at what runs now, and acts if need be; returns for how many milliseconds there is nothing to do. */
  async look(guarded: GuardedRelease, containers: readonly ProjectContainer[] | null): Promise<number> {
    const { clock } = this.#options;
    const now = clock.now();
    if (containers === null) return LOOK_MS;
    const stopped = findStopped(containers, guarded.plan) ?? [];
    if (stopped.length === 0) {
      this.#stoppedSince = null;
      if (this.#lastAt !== null && elapsedMs(this.#lastAt, now) > WELL_MS) this.#attempts = 0;
      return LOOK_MS;
    }
    this.#stoppedSince ??= now;
    const restMs = this.#attempts === 0 ? 0 : (RETRY_MS[this.#attempts - 1] ?? RETRY_MS[RETRY_MS.length - 1] ?? 0);
    const waitedMs = this.#lastAt === null ? restMs : elapsedMs(this.#lastAt, now);
    if (elapsedMs(this.#stoppedSince, now) < PATIENCE_MS || waitedMs < restMs) return LOOK_MS;
    await this.#heal(guarded, stopped);
    this.#attempts += 1;
    this.#lastAt = clock.now();
    return LOOK_MS;
  }

  /** Something else is done about the stack: what was seen before does not count any more. */
  forget(): void {
    this.#stoppedSince = null;
    this.#attempts = 0;
    this.#lastAt = null;
  }

  async #heal({ release, plan }: GuardedRelease, stopped: readonly string[]): Promise<void> {
    const { stack, steps, semaphore, log } = this.#options;
    const fields = { stack, release, services: stopped };
    log.warn(fields, 'services of this stack do not run as they were deployed: bringing them back (on_drift is heal)');
    const limitMs = plan.activationTimeoutMs;
    const except = plan.services.filter(({ isJob }) => isJob).map(({ name }) => name);
    const actions: readonly StepAction[] = [
      { do: 'prepare', release, limitMs },
      { do: 'pull', release, onlyMissing: true, limitMs },
      { do: 'up', release, afresh: this.#attempts > 1, renew: false, except, limitMs },
    ];
    await semaphore.run(stack, async () => {
      for (const action of actions) {
        const result = await steps.run(action);
        if (result.ok) continue;
        const { exitCode, output } = result;
        log.warn({ ...fields, step: action.do, exit_code: exitCode, output }, 'they could not be brought back yet');
        return;
      }
      log.info(fields, 'the services of this stack were brought back');
    });
  }
}
