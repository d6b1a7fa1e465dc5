import type { Runtime } from '../../../src/domain/runtime.ts';
import { delay } from '../../../src/runtime/wait.ts';
import type { MonotonicClock } from '../../async/clock-reading.ts';
import type { ProbeReading } from '../decide/observed.ts';
import type { CustomProbe } from '../record/stack-record.ts';
import type { CheckResult, OpenCheck } from './check.ts';

export interface ProbeRunnerOptions {
  readonly stack: string;
  readonly probes: readonly CustomProbe[];
  readonly openCheck: OpenCheck;
  readonly clock: MonotonicClock;
  readonly runtime: Runtime;
  /** Called with every reading that differs from the one before it. */
  readonly onChange: () => void;
}

/** Runs a release's own probes, each at its interval, from the start of a soak to its end. */
export class ProbeRunner {
  readonly #options: ProbeRunnerOptions;
  readonly #readings = new Map<string, ProbeReading>();
  readonly #stopped = new AbortController();

  constructor(options: ProbeRunnerOptions) {
    this.#options = options;
    for (const probe of options.probes) void this.#repeat(probe);
  }

  /** The latest reading of each probe that has been run. */
  get readings(): ProbeReading[] {
    return [...this.#readings.values()];
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #repeat({ name, check, timeoutMs, intervalMs }: CustomProbe): Promise<void> {
    const { stack, openCheck, runtime } = this.#options;
    const { signal } = this.#stopped;
    const run = openCheck(stack, check);
    while (!signal.aborted) {
      const startedAtMs = runtime.monotonicMs();
      const result = await run(timeoutMs);
      if (!signal.aborted) this.#note(name, result);
      await delay(runtime, intervalMs - (runtime.monotonicMs() - startedAtMs), signal);
    }
  }

  #note(name: string, result: CheckResult): void {
    const { status } = result;
    if (status === 'unknown') return;
    const before = this.#readings.get(name);
    const reason = status === 'fail' ? result.reason : null;
    this.#readings.set(name, { name, status, at: this.#options.clock.now(), reason });
    if (before?.status !== status) this.#options.onChange();
  }
}
