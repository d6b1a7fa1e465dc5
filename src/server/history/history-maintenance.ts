/** Drives the compactor in pieces, reports damaged chunks, and gives space back; never fails its caller. */
import { messageOf, NexusError } from '../../domain/errors.ts';
import type { CompactionFigures } from '../../domain/figures.ts';
import type { Retention } from '../../domain/history.ts';
import type { Log } from '../../domain/log.ts';
import type { Runtime } from '../../domain/runtime.ts';
import type { State } from '../state/state.ts';
import { Compactor } from './compactor.ts';
import { DamagedChunks } from './damaged-chunks.ts';

/** After a failure (a full disk, a lock, a defect) compaction rests this long: posts show by themselves what is wrong. */
const REST_AFTER_FAILURE_MS = 30_000;
/** Pages given back to the disk at once: about a megabyte. */
const MAX_RECLAIMED_PAGES = 256;

export class HistoryMaintenance {
  readonly damage: DamagedChunks;
  readonly #compactor: Compactor;
  readonly #runtime: Runtime;
  readonly #log: Log;
  #round: { readonly state: State; readonly work: Generator<void, boolean> } | null = null;
  /** By the monotonic clock. */
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #workedMs = 0;
  #failures = 0;

  constructor(runtime: Runtime, log: Log, retention: Retention) {
    this.#runtime = runtime;
    this.#log = log;
    this.damage = new DamagedChunks(log);
    this.#compactor = new Compactor(retention, this.damage);
  }

  get figures(): CompactionFigures {
    return { ...this.#compactor.figures, seconds: this.#workedMs / 1000, failures: this.#failures };
  }

  /** Works until `isOver` or until nothing is left to do now; returns whether something is. */
  work(state: State, nowMs: number, isOver: () => boolean): boolean {
    const startedAtMs = this.#runtime.monotonicMs();
    if (startedAtMs < this.#restUntilMs) return false;
    try {
      return this.#work(state, nowMs, isOver);
    } catch (error) {
      this.#round = null;
      this.#failures += 1;
      this.#restUntilMs = startedAtMs + REST_AFTER_FAILURE_MS;
      const isDefect = error instanceof Error && !(error instanceof NexusError);
      const fields = { reason: messageOf(error), ...(isDefect ? { stack: error.stack } : {}) };
      this.#log.warn(fields, 'history could not be compacted: nothing is lost, it is tried again');
      return false;
    } finally {
      this.#workedMs += this.#runtime.monotonicMs() - startedAtMs;
    }
  }

  #work(state: State, nowMs: number, isOver: () => boolean): boolean {
    if (!this.damage.isEmpty) this.damage.settle(state, nowMs);
    // The writer loads its state anew after a failure; what was read of the old one is stale then.
    if (this.#round?.state !== state) this.#round = { state, work: this.#compactor.round(state, nowMs) };
    for (;;) {
      const step = this.#round.work.next();
      if (step.done === true) {
        this.#round = null;
        return step.value || state.store.reclaim(MAX_RECLAIMED_PAGES) > 0;
      }
      if (isOver()) return true;
      // Marked before anything is written in its place.
      if (!this.damage.isEmpty) this.damage.settle(state, nowMs);
    }
  }
}
