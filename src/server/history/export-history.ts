/** The history of hosts as rows for an export, read from a data directory that a server may be writing to. */
import { NexusError } from '../../domain/errors.ts';
import type { StoredHost, StoredTick } from '../../domain/records.ts';
import type { HistoryReader } from '../../domain/store.ts';
import { CONTAINER_METRICS, HOST_METRICS } from '../../domain/telemetry.ts';
import { HOST_SERIES } from '../../history/tick-block.ts';
import { CELL_MS, startOfSpan } from '../../history/tiers.ts';
import { decodeContainerMetrics, decodeHostMetrics, decodeSample } from '../../telemetry/sample-codec.ts';
import { DamagedChunks } from './damaged-chunks.ts';
import { readHistory } from './read-history.ts';

export interface ExportRequest {
  /** Names of hosts. Empty: every host. */
  readonly hosts: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: every sample that is kept. */
  readonly stepMs: number | null;
}

export interface ExportedRow {
  readonly recordedAtMs: number;
  readonly host: string;
  readonly container: { readonly id: string; readonly name: string } | null;
  readonly metrics: Readonly<Record<string, number | null>>;
}

const PAGE = 1000;

export class HistoryExport {
  readonly #reader: HistoryReader;
  readonly #request: ExportRequest;
  readonly #damage = new DamagedChunks();
  readonly #hosts: ReadonlyMap<string, StoredHost>;

  /** Throws `not_found` for a host that does not exist. */
  constructor(reader: HistoryReader, request: ExportRequest) {
    this.#reader = reader;
    this.#request = request;
    const all = new Map(reader.hosts().map((host) => [host.name, host]));
    for (const name of request.hosts) {
      if (!all.has(name)) throw new NexusError('not_found', `there is no host '${name}'`);
    }
    const wanted = new Set(request.hosts);
    this.#hosts = wanted.size === 0 ? all : new Map([...all].filter(([name]) => wanted.has(name)));
  }

  hosts(): readonly string[] {
    return [...this.#hosts.keys()].sort();
  }

  /** Number of damaged chunks so far. */
  get damaged(): number {
    return this.#damage.count;
  }

  *rows(name: string): Generator<ExportedRow> {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    if (this.#request.stepMs === null) yield* this.#samples(host);
    else yield* this.#steps(host, this.#request.stepMs);
  }

  #containers(hostId: number): Map<number, { id: string; name: string }> {
    const names = new Map<number, { id: string; name: string }>();
    for (let after: number | null = null; ; ) {
      const page = this.#reader.containers.page(hostId, { after, limit: PAGE });
      for (const { id, containerId, identity } of page) names.set(id, { id: containerId, name: identity.name });
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return names;
      after = last.id;
    }
  }

  /** Reads cell by cell, each in one consistent view: the compactor may be running. */
  *#samples(host: StoredHost): Generator<ExportedRow> {
    const { ticks, chunks } = this.#reader.history;
    const { fromMs, toMs } = this.#request;
    const [firstChunk] = chunks.list(host.id, 'raw', fromMs, toMs);
    const [firstRow] = ticks.oldestRows(host.id, toMs + 1, 1);
    const starts = [firstChunk?.firstMs, firstRow].filter((start) => start !== undefined);
    const newestMs = ticks.newestMs(host.id);
    if (starts.length === 0 || newestMs === null) return;
    const lastMs = Math.min(toMs, newestMs);
    for (let cell = startOfSpan(Math.max(fromMs, Math.min(...starts)), CELL_MS); cell <= lastMs; cell += CELL_MS) {
      const [from, to] = [Math.max(cell, fromMs), Math.min(cell + CELL_MS - 1, lastMs)];
      const rows = this.#reader.view(() => {
        const read = this.#damage.attempt(host.id, 'raw', cell, () => [...ticks.range(host.id, from, to)]);
        return { ticks: read ?? [...ticks.rows(host.id, from, to, 'values')], names: this.#containers(host.id) };
      });
      for (const tick of rows.ticks) yield* rowsOf(host.name, tick, rows.names);
    }
  }

  *#steps(host: StoredHost, stepMs: number): Generator<ExportedRow> {
    const { fromMs, toMs } = this.#request;
    const request = { fromMs, toMs, stepMs, maxPoints: Number.POSITIVE_INFINITY };
    const { containers, own } = this.#reader.view(() => ({
      containers: this.#containers(host.id),
      own: readHistory(
        this.#reader.history,
        this.#damage,
        {
          hostId: host.id,
          seriesId: HOST_SERIES,
          names: HOST_METRICS,
          read: (tick: StoredTick) => decodeHostMetrics(tick.sample),
        },
        request,
      ),
    }));
    for (const { recordedAtMs, metrics } of own.points) {
      yield { recordedAtMs, host: host.name, container: null, metrics };
    }
    for (const [number, container] of containers) {
      const wanted = {
        hostId: host.id,
        seriesId: number,
        names: CONTAINER_METRICS,
        read: (tick: StoredTick) => decodeContainerMetrics(tick.sample, number),
      };
      const { points } = this.#reader.view(() => readHistory(this.#reader.history, this.#damage, wanted, request));
      for (const { recordedAtMs, metrics } of points) yield { recordedAtMs, host: host.name, container, metrics };
    }
  }
}

function* rowsOf(
  host: string,
  tick: StoredTick,
  names: ReadonlyMap<number, { readonly id: string; readonly name: string }>,
): Generator<ExportedRow> {
  const { metrics, containers } = decodeSample(tick.sample);
  const { recordedAtMs } = tick;
  yield { recordedAtMs, host, container: null, metrics };
  for (const container of containers ?? []) {
    const known = names.get(container.id) ?? { id: String(container.id), name: '' };
    yield { recordedAtMs, host, container: known, metrics: container.metrics };
  }
}
