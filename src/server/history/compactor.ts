/**
 * Ages history in the background: rows of ticks become chunks and roll-ups, roll-ups become coarser, and whatever is
 * past its retention is deleted.
 *
 *     rows ──2 h span closed──► raw chunk + 1m chunk ──day closed──► 10m chunk ──week closed──► 1h chunk
 *
 * The work is a generator that yields every few hundred microseconds, so that posts can be served in between. Each step
 * ends in one commit: an interrupted step leaves nothing behind. A tick that arrives after its span was compacted stays a
 * row until the span is compacted again; that also deletes the roll-ups above it, which are then made again.
 */
import { type Retention, TIERS, type Tier } from '../../domain/history.ts';
import type { HistoryChange, HistoryStore } from '../../domain/history-store.ts';
import type { StoredTick } from '../../domain/records.ts';
import { decodeRolled, decodeTicks, encodeRolled, encodeTicks } from '../../history/chunk-codec.ts';
import { mergeRolled, type RolledBlock, RollUpBuilder } from '../../history/roll-up.ts';
import { sampleAt, type TickBlock, TickBlockBuilder } from '../../history/tick-block.ts';
import {
  CELL_MS,
  INSTANTS_KEPT_MS,
  isWanted,
  keptMs,
  ROWS_KEPT_MS,
  shapeOf,
  startOfSpan,
} from '../../history/tiers.ts';
import { decodeSample } from '../../telemetry/sample-codec.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { Attached } from '../state/state.ts';
import type { DamagedChunks } from './damaged-chunks.ts';

/** A host with nothing left to do is visited again after this time. */
const REST_MS = 300_000;
/** Chunks deleted in one commit. */
const MAX_DELETIONS = 64;
/** Rows turned into columns between two yields. */
const ROWS_PER_PIECE = 8;

const ROLLED: readonly Tier[] = ['1m', '10m', '1h'];

type Work = Generator<void, boolean>;

export class Compactor {
  readonly #retention: Retention;
  readonly #damage: DamagedChunks;
  readonly #dueAtMs = new Map<number, number>();
  /** Since the start. */
  readonly figures = { ticks: 0, chunks: 0, deletions: 0 };

  constructor(retention: Retention, damage: DamagedChunks) {
    this.#retention = retention;
    this.#damage = damage;
  }

  /** Visits each host that is due once. Returns whether there was work to do. */
  *round({ store: { history }, state }: Attached, nowMs: number): Work {
    let isBusy = false;
    for (const host of state.fleet.hosts()) {
      const { id } = host.stored;
      if ((this.#dueAtMs.get(id) ?? 0) > nowMs) continue;
      const hasWorked = yield* this.#visit(history, host, nowMs);
      if (!hasWorked) this.#dueAtMs.set(id, nowMs + REST_MS);
      isBusy ||= hasWorked;
      yield;
    }
    return isBusy;
  }

  /** Does the most urgent step for a host. Returns false when there is none. */
  *#visit(store: HistoryStore, host: LiveHost, nowMs: number): Work {
    const closedMs = startOfSpan(nowMs - ROWS_KEPT_MS, CELL_MS);
    const oldestMs = this.#oldestRow(store, host, closedMs, nowMs);
    if (oldestMs !== null) return yield* this.#compactRows(store, host, startOfSpan(oldestMs, CELL_MS), nowMs);
    if (yield* this.#rollUp(store, host, '1m', '10m', closedMs)) return true;
    if (yield* this.#rollUp(store, host, '10m', '1h', closedMs)) return true;
    return this.#expire(store, host, nowMs);
  }

  /** The oldest row that is still to be compacted. The host's latest ticks stay rows, even when a chunk holds them. */
  #oldestRow(store: HistoryStore, host: LiveHost, beforeMs: number, nowMs: number): number | null {
    for (const atMs of store.ticks.oldestRows(host.stored.id, beforeMs, 3)) {
      if (!isKept(host, atMs) || !this.#isTakenIn(store, host.stored.id, atMs, nowMs)) return atMs;
    }
    return null;
  }

  /**
   * Whether a chunk or roll-up already contains the tick, or the tick is older than anything that is kept. The row of a
   * host's latest tick can outlive its raw chunk; then a roll-up over it shows that it was compacted.
   */
  #isTakenIn(store: HistoryStore, hostId: number, atMs: number, nowMs: number): boolean {
    const held = this.#damage.attempt(hostId, 'raw', startOfSpan(atMs, CELL_MS), () => {
      return store.chunks.hasTick(hostId, atMs);
    });
    if (held === true) return true;
    if (atMs > nowMs - INSTANTS_KEPT_MS - CELL_MS) return false;
    const longestMs = Math.max(...TIERS.map((tier) => keptMs(tier, this.#retention) + shapeOf(tier).spanMs));
    if (atMs < nowMs - longestMs) return true;
    return ROLLED.some((tier) => store.chunks.list(hostId, tier, atMs, atMs).length > 0);
  }

  *#compactRows(store: HistoryStore, host: LiveHost, startMs: number, nowMs: number): Work {
    const hostId = host.stored.id;
    const rows = store.ticks.rowsToCompact(hostId, startMs, startMs + CELL_MS - 1);
    yield;
    const fresh = rows.filter((row) => !this.#isTakenIn(store, hostId, row.recordedAtMs, nowMs));
    if (!this.#damage.isEmpty) return true;
    if (fresh.length === 0) {
      store.commit(removals(host, rows));
      return true;
    }
    const known = yield* this.#readTicks(store, hostId, startMs);
    const block = yield* joinTicks(known.block, fresh);
    const builder = new RollUpBuilder(shapeOf('1m').stepMs, block.times);
    yield* builder.addTicks(block);
    let minutes = builder.finish();
    if (known.block === null) {
      const stored = yield* this.#readRolled(store, hostId, '1m', startMs);
      if (stored !== null) minutes = mergeRolled(stored, minutes);
    }
    // The damaged chunk must be marked before it is replaced, or the mark would hit its replacement.
    if (!this.#damage.isEmpty) return true;
    // Retention counts from arrival: ticks that an agent kept for days while offline are not deleted right away.
    const receivedMs = Math.max(known.receivedMs, ...fresh.map((row) => row.receivedAtMs));
    const isInTime = this.#retention.raw > 0 && Math.max(startMs + CELL_MS, receivedMs) > nowMs - this.#retention.raw;
    const values = isInTime ? store.seal(yield* encodeTicks(block)) : null;
    yield;
    const rolledValues = isWanted('1m', this.#retention) ? store.seal(yield* encodeRolled(minutes)) : null;
    const times = known.block === null ? unite(known.times, block.times) : block.times;
    yield;
    const changes: HistoryChange[] = [
      { kind: 'put_chunk', chunk: { hostId, tier: 'raw', startMs, times, receivedMs, values } },
    ];
    if (rolledValues !== null) {
      const chunk = { hostId, tier: '1m', startMs, times: minutes.times, receivedMs: 0, values: rolledValues } as const;
      changes.push({ kind: 'put_chunk', chunk });
    }
    for (const tier of ['10m', '1h'] as const)
      changes.push({ kind: 'remove_chunk', hostId, tier, startMs: startOfSpan(startMs, shapeOf(tier).spanMs) });
    store.commit([...changes, ...removals(host, rows)]);
    this.figures.ticks += fresh.length;
    this.figures.chunks += rolledValues === null ? 1 : 2;
    return true;
  }

  /** The contents of the span's raw chunk. `block` is null when there is no chunk or only its instants are left. */
  *#readTicks(
    store: HistoryStore,
    hostId: number,
    startMs: number,
  ): Generator<void, { times: readonly number[]; block: TickBlock | null; receivedMs: number }> {
    const [info] = store.chunks.list(hostId, 'raw', startMs, startMs);
    const receivedMs = info?.receivedMs ?? 0;
    const read = yield* this.#damage.attemptInPieces(hostId, 'raw', startMs, function* () {
      const chunk = store.chunks.read(hostId, 'raw', startMs);
      yield;
      if (chunk === undefined) return undefined;
      const { times, values } = chunk;
      return { times, block: values === null ? null : yield* decodeTicks(times, values), receivedMs };
    });
    return read ?? { times: [], block: null, receivedMs };
  }

  *#readRolled(store: HistoryStore, hostId: number, tier: Tier, startMs: number): Generator<void, RolledBlock | null> {
    const block = yield* this.#damage.attemptInPieces(hostId, tier, startMs, function* () {
      const chunk = store.chunks.read(hostId, tier, startMs);
      yield;
      if (chunk === undefined || chunk.values === null) return null;
      return yield* decodeRolled(chunk.times, chunk.values, shapeOf(tier).stepMs);
    });
    return block ?? null;
  }

  /** Makes the first coarse chunk that is missing over a closed span. */
  *#rollUp(store: HistoryStore, host: LiveHost, fine: Tier, coarse: Tier, closedMs: number): Work {
    if (!isWanted(coarse, this.#retention)) return false;
    const hostId = host.stored.id;
    const { stepMs, spanMs } = shapeOf(coarse);
    const firstMs = store.chunks.firstUncovered(hostId, fine, coarse, startOfSpan(closedMs, spanMs));
    if (firstMs === null) return false;
    const startMs = startOfSpan(firstMs, spanMs);
    const blocks: RolledBlock[] = [];
    for (const chunk of store.chunks.list(hostId, fine, startMs, startMs + spanMs - 1)) {
      const block = yield* this.#readRolled(store, hostId, fine, chunk.startMs);
      if (block !== null) blocks.push(block);
    }
    // Damaged chunks are marked first; the next visit does not find them again.
    if (!this.#damage.isEmpty || blocks.length === 0) return !this.#damage.isEmpty;
    const builder = new RollUpBuilder(
      stepMs,
      blocks.flatMap((block) => block.times),
    );
    for (const block of blocks) yield* builder.addRolled(block);
    const rolled = builder.finish();
    const values = store.seal(yield* encodeRolled(rolled));
    yield;
    const chunk = { hostId, tier: coarse, startMs, times: rolled.times, receivedMs: 0, values };
    store.commit([{ kind: 'put_chunk', chunk }]);
    this.figures.chunks += 1;
    return true;
  }

  #expire(store: HistoryStore, host: LiveHost, nowMs: number): boolean {
    const hostId = host.stored.id;
    const retention = this.#retention;
    const { chunks } = store;
    /** Chunks that start before this lie completely outside their retention. */
    const endOf = (tier: Tier, kept = keptMs(tier, retention)) => nowMs - kept - shapeOf(tier).spanMs;
    const receivedEndMs = nowMs - retention.raw;
    const instantsEndMs = endOf('raw', Math.max(retention.raw, INSTANTS_KEPT_MS));
    const isDue =
      chunks
        .list(hostId, 'raw', 0, endOf('raw'))
        .some((chunk) => (chunk.hasValues || chunk.startMs <= instantsEndMs) && chunk.receivedMs <= receivedEndMs) ||
      ROLLED.some((tier) => chunks.list(hostId, tier, 0, endOf(tier)).length > 0);
    if (!isDue) return false;
    const limit = MAX_DELETIONS;
    const raw = { hostId, receivedBeforeMs: receivedEndMs + 1, limit };
    const changes: HistoryChange[] = [
      { kind: 'drop_values', beforeMs: endOf('raw') + 1, ...raw },
      { kind: 'remove_received_before', tier: 'raw', beforeMs: instantsEndMs + 1, ...raw },
    ];
    for (const [tier, coarse] of [
      ['1m', '10m'],
      ['10m', '1h'],
      ['1h', null],
    ] as const) {
      const beforeMs = endOf(tier) + 1;
      const isSource = coarse !== null && isWanted(coarse, retention);
      changes.push(
        isSource
          ? { kind: 'remove_covered_before', hostId, tier, coarse, beforeMs, limit }
          : { kind: 'remove_received_before', hostId, tier, beforeMs, receivedBeforeMs: nowMs, limit },
      );
    }
    const deleted = store.commit(changes);
    this.figures.deletions += deleted;
    return deleted > 0;
  }
}

/** Whether the row is one of those that the host's state is loaded from. */
function isKept(host: LiveHost, atMs: number): boolean {
  return host.latest?.recordedAtMs === atMs || host.latestWithContainers?.recordedAtMs === atMs;
}

function unite(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((one, other) => one - other);
}

/** Removes the rows of compacted ticks. */
function removals(host: LiveHost, rows: readonly StoredTick[]): HistoryChange[] {
  const removable = rows.filter(({ recordedAtMs }) => !isKept(host, recordedAtMs));
  return removable.map(({ hostId, recordedAtMs }) => ({ kind: 'remove_row', hostId, recordedAtMs }));
}

/** The ticks of the chunk together with the rows that it does not hold yet, as columns. */
function* joinTicks(known: TickBlock | null, fresh: readonly StoredTick[]): Generator<void, TickBlock> {
  const times = unite(
    known?.times ?? [],
    fresh.map((row) => row.recordedAtMs),
  );
  const places = new Map(times.map((time, index) => [time, index]));
  const builder = new TickBlockBuilder(times);
  let pieces = 0;
  for (const [index, time] of (known?.times ?? []).entries()) {
    if (known !== null) builder.add(places.get(time) ?? 0, sampleAt(known, index));
    pieces += 1;
    if (pieces % ROWS_PER_PIECE === 0) yield;
  }
  for (const row of fresh) {
    builder.add(places.get(row.recordedAtMs) ?? 0, decodeSample(row.sample));
    pieces += 1;
    if (pieces % ROWS_PER_PIECE === 0) yield;
  }
  return builder.finish();
}
