/** Runs the compactor in pieces, reports damaged chunks and reclaims space. Its failures never reach the caller. */
import { messageOf, NexusError } from '../../domain/errors.ts';
import type { CompactionFigures } from '../../domain/figures.ts';
import { DEFAULT_RETENTION, type Retention } from '../../domain/history.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { Log } from '../../domain/log.ts';
import type { Runtime } from '../../domain/runtime.ts';
import type { Attached } from '../state/state.ts';
import type { Writer } from '../writer.ts';
import { Compactor } from './compactor.ts';
import { DamagedChunks } from './damaged-chunks.ts';

/** Compaction pauses for this time after a failure (a full disk, a lock, a defect); posts report such failures anyway. */
const REST_AFTER_FAILURE_MS = 30_000;

export class HistoryMaintenance {
  readonly damage = new DamagedChunks();
  readonly #writer: Writer;
  readonly #compactor: Compactor;
  readonly #runtime: Runtime;
  readonly #log: Log;
  #round: { readonly of: Attached['state']; readonly work: Generator<void, boolean> } | null = null;
  #isReporting = false;
  /** By the monotonic clock. */
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #workedMs = 0;
  #failures = 0;

  constructor(writer: Writer, runtime: Runtime, log: Log, retention: Retention = DEFAULT_RETENTION) {
    this.#writer = writer;
    this.#runtime = runtime;
    this.#log = log;
    this.#compactor = new Compactor(retention, this.damage);
  }

  get figures(): CompactionFigures {
    return { ...this.#compactor.figures, seconds: this.#workedMs / 1000, failures: this.#failures };
  }

  /** Works until `isOver` returns true or nothing is left to do. Returns whether there is more to do now. */
  work(isOver: () => boolean): boolean {
    const attached = this.#writer.atRest();
    const startedAtMs = this.#runtime.monotonicMs();
    if (attached === null || startedAtMs < this.#restUntilMs) return false;
    try {
      return this.#work(attached, isOver);
    } catch (error) {
      this.#round = null;
      this.#failures += 1;
      this.#restUntilMs = startedAtMs + REST_AFTER_FAILURE_MS;
      const isDefect = error instanceof Error && !(error instanceof NexusError);
      const fields = { reason: messageOf(error), ...(isDefect ? { stack: error.stack } : {}) };
      this.#log.warn(fields, 'history could not be compacted; no data is lost, and compaction will be retried');
      return false;
    } finally {
      this.#workedMs += this.#runtime.monotonicMs() - startedAtMs;
    }
  }

  #work(attached: Attached, isOver: () => boolean): boolean {
    const { state, store } = attached;
    // A round that began on a discarded state holds stale data.
    if (this.#round?.of !== state)
      this.#round = { of: state, work: this.#compactor.round(attached, this.#runtime.nowMs()) };
    for (;;) {
      // A damaged chunk must be marked before anything replaces it.
      if (!this.damage.isEmpty) {
        this.#report();
        return true;
      }
      const step = this.#round.work.next();
      if (step.done === true) {
        this.#round = null;
        return step.value || store.history.reclaim();
      }
      if (isOver()) return true;
    }
  }

  #report(): void {
    if (this.#isReporting) return;
    this.#isReporting = true;
    const chunks = this.damage.noted();
    this.#writer
      .submit({ kind: 'report_damage', chunks, nowMs: this.#runtime.nowMs() })
      .then(() => {
        this.damage.forget(chunks);
        for (const { hostId, tier, startMs, reason } of chunks) {
          const fields = { host_number: hostId, tier, from: formatInstant(startMs), reason };
          this.#log.error(
            fields,
            'a chunk of history is damaged: answers leave it out, and all other history stays readable',
          );
        }
      })
      .catch((error: unknown) => {
        this.#log.warn(
          { reason: messageOf(error) },
          'damaged chunks of history could not be recorded in the event log; this will be retried',
        );
      })
      .finally(() => {
        this.#isReporting = false;
      });
  }
}
