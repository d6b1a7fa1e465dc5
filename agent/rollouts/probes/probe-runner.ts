import { assertNever, messageOf, NexusError } from '../../../src/domain/errors.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { delay } from '../../../src/runtime/wait.ts';
import type { MonotonicClock } from '../../async/clock-reading.ts';
import { failureOf } from '../../docker/explain-engine-failure.ts';
import type { ProjectEngine } from '../../docker/project-engine.ts';
import type { ProbeReading } from '../decide/observed.ts';
import type { CustomProbe } from '../record/stack-record.ts';
import { ExecCheck } from './exec-check.ts';
import { type Complaint, checkHttp, checkTcp } from './run-check.ts';

export interface ProbeRunnerOptions {
  readonly stack: string;
  readonly probes: readonly CustomProbe[];
  readonly engine: ProjectEngine;
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

  async #repeat(probe: CustomProbe): Promise<void> {
    const { signal } = this.#stopped;
    const { runtime } = this.#options;
    const check = this.#checkOf(probe);
    while (!signal.aborted) {
      const startedAtMs = runtime.monotonicMs();
      const complaint = await attempt(check, probe.timeoutMs);
      if (complaint !== 'unknown' && !signal.aborted) this.#note(probe.name, complaint);
      await delay(runtime, probe.intervalMs - (runtime.monotonicMs() - startedAtMs), signal);
    }
  }

  #note(name: string, complaint: Complaint): void {
    const before = this.#readings.get(name);
    const status = complaint === null ? 'pass' : 'fail';
    this.#readings.set(name, { name, status, at: this.#options.clock.now(), reason: complaint });
    if (before?.status !== status) this.#options.onChange();
  }

  #checkOf({ check }: CustomProbe): (timeoutMs: number) => Promise<Complaint> {
    switch (check.kind) {
      case 'http':
        return (timeoutMs) => checkHttp(this.#options.runtime, check.url, check.status, timeoutMs);
      case 'tcp':
        return (timeoutMs) => checkTcp(this.#options.runtime, check.address, timeoutMs);
      case 'exec': {
        const exec = new ExecCheck(this.#options.engine, this.#options.stack, check.service, check.command);
        return (timeoutMs) => exec.run(timeoutMs);
      }
      default:
        return assertNever(check);
    }
  }
}

/** `unknown`: the engine is away, which says nothing of the release. Whatever else goes wrong is a failure. */
async function attempt(
  check: (timeoutMs: number) => Promise<Complaint>,
  timeoutMs: number,
): Promise<Complaint | 'unknown'> {
  try {
    return await check(timeoutMs);
  } catch (error) {
    const isEngineAway = error instanceof NexusError && error.code === 'unreachable' && failureOf(error) === 'absent';
    return isEngineAway ? 'unknown' : messageOf(error);
  }
}
