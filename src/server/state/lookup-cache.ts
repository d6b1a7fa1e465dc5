import { assertNever, invariant } from '../../domain/errors.ts';
import type { LogEvent } from '../../domain/event-log.ts';
import type { Lookup, LookupOf, LookupResult, LookupResults } from '../../domain/lookups.ts';
import type { StoredContainer, StoredTick } from '../../domain/records.ts';
import type { Write } from '../../domain/writes.ts';
import { stackOf } from '../../telemetry/container-presence.ts';
import { sumStack } from '../../telemetry/stack-usage.ts';

/**
 * The results of a batch's lookups, kept up to date with what its commands write. Rollouts need no update: one that a
 * command changes is in memory from then on and is not looked up again.
 */
export class LookupCache {
  readonly #results = new Map<string, LookupResult>();
  /** Lookups of series, which a write can affect without having their key. */
  readonly #series: Array<LookupOf<'stack_usage'>> = [];

  has(lookup: Lookup): boolean {
    return this.#results.has(keyOf(lookup));
  }

  hasAll(lookups: readonly Lookup[]): boolean {
    for (const lookup of lookups) if (!this.has(lookup)) return false;
    return true;
  }

  /** The lookup must be in the cache. */
  get<K extends Lookup['kind']>(lookup: LookupOf<K>): LookupResults[K] {
    const key = keyOf(lookup);
    const result = this.#results.get(key);
    invariant(result !== undefined, `${key} must be looked up before it is needed`);
    return result as LookupResults[K];
  }

  /** `results` in the order of `lookups`. */
  put(lookups: readonly Lookup[], results: readonly LookupResult[]): void {
    for (const [index, lookup] of lookups.entries()) {
      const result = results[index];
      invariant(result !== undefined, `the store must answer ${keyOf(lookup)}`);
      if (lookup.kind === 'stack_usage' && !this.has(lookup)) this.#series.push(lookup);
      this.#results.set(keyOf(lookup), result);
    }
  }

  /** Updates the results with a write of the batch. Cheap for the common batch, which looks nothing up. */
  note(write: Write): void {
    if (this.#results.size === 0) return;
    switch (write.kind) {
      case 'insert_tick':
        return this.#noteTick(write);
      case 'insert_container':
      case 'save_container':
        return this.#noteContainer(write.container);
      case 'mark_container': {
        const { kind: _kind, ...marks } = write;
        const { hostId, containerId } = marks;
        return this.#change({ kind: 'container', hostId, containerId }, (before) => before && { ...before, ...marks });
      }
      case 'append_entry':
        return this.#noteEntry(write.entry);
      default:
        return;
    }
  }

  /** Changes a result that is in the cache. */
  #change<K extends Lookup['kind']>(lookup: LookupOf<K>, change: (before: LookupResults[K]) => LookupResults[K]): void {
    if (this.has(lookup)) this.#results.set(keyOf(lookup), change(this.get(lookup)));
  }

  #noteTick(tick: StoredTick): void {
    const { hostId, recordedAtMs } = tick;
    this.#change({ kind: 'tick', hostId, recordedAtMs }, () => true);
    for (const lookup of this.#series) {
      if (lookup.hostId !== hostId || recordedAtMs < lookup.fromMs || recordedAtMs > lookup.toMs) continue;
      const { containers, samples } = this.get(lookup);
      const sample = sumStack(tick, new Set(containers));
      if (sample === null) continue;
      const later = samples.findIndex((other) => other.recordedAtMs > recordedAtMs);
      const place = later === -1 ? samples.length : later;
      this.#results.set(keyOf(lookup), { containers, samples: samples.toSpliced(place, 0, sample) });
    }
  }

  #noteContainer(container: StoredContainer): void {
    const { id, hostId, containerId, identity } = container;
    this.#change({ kind: 'container', hostId, containerId }, () => container);
    for (const lookup of this.#series) {
      if (lookup.hostId !== hostId || lookup.stack !== stackOf(identity)) continue;
      const { containers, samples } = this.get(lookup);
      if (!containers.includes(id)) this.#results.set(keyOf(lookup), { containers: [...containers, id], samples });
    }
  }

  #noteEntry({ kind, rolloutId, host, data }: LogEvent): void {
    if (kind !== 'host_reported' || rolloutId === null || host === null) return;
    const { seq, bodyDigest } = data['numbered'] as { readonly seq: number; readonly bodyDigest: string };
    this.#change({ kind: 'applied_event', rolloutId, host, seq }, () => bodyDigest);
  }
}

function keyOf(lookup: Lookup): string {
  switch (lookup.kind) {
    case 'tick':
      return `tick ${lookup.hostId} ${lookup.recordedAtMs}`;
    case 'container':
      return `container ${lookup.hostId} ${lookup.containerId}`;
    case 'applied_event':
      return `event ${lookup.rolloutId} ${lookup.seq} ${lookup.host}`;
    case 'rollout_host':
      return `rollout host ${lookup.rolloutId} ${lookup.host}`;
    case 'rollout':
      return `rollout ${lookup.rolloutId}`;
    case 'stack_usage':
      return `usage ${lookup.hostId} ${lookup.fromMs} ${lookup.toMs} ${lookup.stack}`;
    default:
      return assertNever(lookup);
  }
}
