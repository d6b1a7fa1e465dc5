/**
 * Forwards ticks to a remote-write store, in the order in which they arrived.
 *
 *     rows of ticks ──► request ──► 2xx: the position moves on, in the database
 *                          └─────► not accepted: rows are queued as requests before compaction removes them,
 *                                  and the queue goes first when the store accepts again
 *
 * The position and the queue are in the database, so a restart continues where the last process stopped. A request that
 * was sent but not yet noted is sent again; the receiver recognises its samples by their instants. The queue is bounded by
 * age and size: the oldest request is dropped, with a log line. What the receiver refuses (4xx) is dropped, with a log
 * line, and never retried.
 */
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Feed } from '../domain/feed.ts';
import type { ForwardingFigures } from '../domain/figures.ts';
import type { Log } from '../domain/log.ts';
import type { StoredTick } from '../domain/records.ts';
import type { Runtime } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import { FAMILIES, sampleName } from '../export/metric-families.ts';
import { delay } from '../runtime/wait.ts';
import { decodeSample } from '../telemetry/sample-codec.ts';
import { encodeLabels, encodeWriteRequest, type SeriesSamples } from './write-request.ts';

const FORWARDING = {
  /** Ticks in one request: a few thousand samples. */
  maxTicks: 16,
  /** The store is checked this often even without new ticks: it may have been replaced by another one. */
  idleMs: 10_000,
  /** Ticks that arrive within this time share requests. */
  gatherMs: 200,
  minBackOffMs: 1_000,
  maxBackOffMs: 60_000,
  requestLimitMs: 30_000,
  /** Rows that wait longer are queued. (Compaction leaves rows alone for at least two hours.) */
  putOffAfterMs: 1_800_000,
  maxQueueMs: 2 * 86_400_000,
  maxQueueBytes: 256 * 1024 * 1024,
  /** Requests queued between two attempts. */
  maxPutOff: 64,
} as const;

type Limits = { readonly [K in keyof typeof FORWARDING]: number };

export interface ForwarderParts {
  readonly url: string;
  /** The whole `Authorization` header; null for none. Never logged. */
  readonly authorization: string | null;
  /** Throws `store_unavailable` while no store is attached. */
  readonly store: () => Store;
  readonly feed: Pick<Feed, 'followTicks'>;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

interface Subject {
  readonly host: string;
  readonly container: { readonly id: string; readonly name: string } | null;
}

type Verdict =
  | { readonly kind: 'taken' | 'refused'; readonly reason: string }
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number };

const OUTCOMES = { taken: 'sent', refused: 'refused', later: 'failed' } as const;

const MAX_KNOWN_LABELS = 100_000;
const PAGE = 1_000;

export class Forwarder {
  readonly #parts: ForwarderParts;
  readonly #limits: Limits;
  readonly #labels = new Map<string, Uint8Array>();
  readonly #hosts = new Map<number, string>();
  readonly #containers = new Map<number, { id: string; name: string }>();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #failing = false;
  #hasTicks = false;
  #wakeUp: (() => void) | null = null;
  readonly #requests = { sent: 0, failed: 0, refused: 0, dropped: 0 };

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#limits = { ...FORWARDING, ...parts.limits };
    parts.feed.followTicks(() => {
      this.#hasTicks = true;
      this.#wakeUp?.();
    });
  }

  /** Throws `store_unavailable`. */
  figures(): ForwardingFigures {
    return { requests: { ...this.#requests }, backlog: this.#parts.store().forwarding.backlog() };
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let backOffMs = this.#limits.minBackOffMs;
    while (!this.#stop.signal.aborted) {
      let pauseMs: number;
      try {
        this.#hasTicks = false;
        const verdict = await this.#sendNext();
        if (verdict === null) {
          await this.#untilTicks();
          pauseMs = this.#limits.gatherMs;
        } else if (verdict.kind !== 'later') {
          pauseMs = 0;
          backOffMs = this.#limits.minBackOffMs;
        } else {
          pauseMs = Math.max(backOffMs, verdict.afterMs);
          backOffMs = Math.min(backOffMs * 2, this.#limits.maxBackOffMs);
          this.#putOff();
        }
        this.#noteState(verdict);
      } catch (error) {
        // The store is unavailable or full: the writer logs that.
        pauseMs = this.#limits.maxBackOffMs / 10;
        if (!(error instanceof NexusError)) {
          const stack = error instanceof Error ? error.stack : undefined;
          this.#parts.log.error(
            { reason: messageOf(error), stack },
            'forwarding failed because of a defect in the server',
          );
        }
      }
      await delay(this.#parts.runtime, pauseMs, this.#stop.signal);
    }
  }

  /** Waits until ticks are stored, but at most for `idleMs` or until it is stopped. */
  async #untilTicks(): Promise<void> {
    if (this.#hasTicks) return;
    const woken = new AbortController();
    this.#wakeUp = () => woken.abort();
    this.#stop.signal.addEventListener('abort', this.#wakeUp, { once: true });
    await delay(this.#parts.runtime, this.#limits.idleMs, woken.signal);
    this.#stop.signal.removeEventListener('abort', this.#wakeUp);
    this.#wakeUp = null;
  }

  #noteState(verdict: Verdict | null): void {
    const { log, url } = this.#parts;
    if (verdict !== null) this.#requests[OUTCOMES[verdict.kind]] += 1;
    if (verdict?.kind === 'refused') {
      log.warn({ url, reason: verdict.reason }, 'the remote store refused samples, which are now dropped');
    }
    if (verdict?.kind === 'later' && !this.#failing) {
      this.#failing = true;
      log.warn(
        { url, reason: verdict.reason },
        'the remote store does not accept samples: they are kept and sent later',
      );
    }
    if (verdict?.kind === 'taken' && this.#failing) {
      this.#failing = false;
      log.info({ url }, 'the remote store accepts samples again');
    }
  }

  /** Null when there is nothing to send. */
  async #sendNext(): Promise<Verdict | null> {
    const store = this.#parts.store();
    const queued = store.forwarding.first();
    if (queued !== undefined) {
      const verdict = await this.#send(queued.body);
      if (verdict.kind !== 'later') this.#parts.store().forwarding.remove(queued.number);
      return verdict;
    }
    const pending = store.forwarding.pending(this.#limits.maxTicks);
    if (pending === null) return null;
    const verdict = await this.#send(this.#encode(store, pending.ticks));
    if (verdict.kind !== 'later') this.#parts.store().forwarding.moveTo(pending.position);
    return verdict;
  }

  async #send(body: Uint8Array): Promise<Verdict> {
    const { url, authorization } = this.#parts;
    const { requestLimitMs } = this.#limits;
    const over = new AbortController();
    // Not AbortSignal.any: every signal derived from a long-lived one stays registered with it for good.
    const end = (): void => over.abort();
    this.#stop.signal.addEventListener('abort', end);
    if (this.#stop.signal.aborted) end();
    const limit = this.#parts.runtime.setTimer(requestLimitMs, () => {
      over.abort(new Error(`no answer within ${requestLimitMs} ms`));
    });
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
          'user-agent': 'nexus',
          ...(authorization === null ? {} : { authorization }),
        },
        body: Buffer.from(body),
        redirect: 'error',
        signal: over.signal,
      });
      const reason = `${answer.status} ${(await answer.text()).slice(0, 300)}`;
      if (answer.ok) return { kind: 'taken', reason };
      const afterMs = Number(answer.headers.get('retry-after') ?? 0) * 1000;
      if (answer.status >= 500 || answer.status === 429) {
        return {
          kind: 'later',
          reason,
          afterMs: Number.isFinite(afterMs) ? Math.min(afterMs, this.#limits.maxBackOffMs) : 0,
        };
      }
      return { kind: 'refused', reason };
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
      return { kind: 'later', reason: `${messageOf(error)}${cause}`, afterMs: 0 };
    } finally {
      limit.cancel();
      this.#stop.signal.removeEventListener('abort', end);
    }
  }

  /** Queues rows that have waited long, before they are compacted unsent, and keeps the queue within its bounds. */
  #putOff(): void {
    const { runtime, log } = this.#parts;
    const now = runtime.nowMs();
    for (let turn = 0; turn < this.#limits.maxPutOff; turn += 1) {
      const store = this.#parts.store();
      const pending = store.forwarding.pending(this.#limits.maxTicks);
      const first = pending?.ticks[0];
      if (pending === null || first === undefined || first.receivedAtMs > now - this.#limits.putOffAfterMs) break;
      store.forwarding.putOff(first.receivedAtMs, this.#encode(store, pending.ticks), pending.position);
    }
    const { maxQueueMs, maxQueueBytes } = this.#limits;
    const dropped = this.#parts.store().forwarding.trim(now - maxQueueMs, maxQueueBytes);
    this.#requests.dropped += dropped;
    if (dropped > 0)
      log.warn(
        { requests: dropped },
        'the queue for the remote store was too long or too old, so the oldest requests were dropped',
      );
  }

  #encode(store: Store, ticks: readonly StoredTick[]): Uint8Array {
    const series = new Map<string, SeriesSamples>();
    const add = (
      key: number,
      subject: () => Subject,
      metrics: Readonly<Record<string, number | null>>,
      atMs: number,
    ) => {
      FAMILIES.forEach((family, index) => {
        if (key < 0 !== (family.subject === 'host')) return;
        const value = metrics[family.metric];
        if (value === null || value === undefined) return;
        const name = `${key} ${index}`;
        let known = series.get(name);
        if (known === undefined) {
          known = { labels: this.#labelsOf(name, sampleName(family), subject), samples: [] };
          series.set(name, known);
        }
        known.samples.push({ value: value * family.factor, atMs });
      });
    };
    for (const tick of ticks) {
      const host = this.#hostName(store, tick.hostId);
      const { metrics, containers } = decodeSample(tick.sample);
      add(-tick.hostId, () => ({ host, container: null }), metrics, tick.recordedAtMs);
      for (const { id, metrics: values } of containers ?? []) {
        add(id, () => ({ host, container: this.#container(store, tick.hostId, id) }), values, tick.recordedAtMs);
      }
    }
    for (const { samples } of series.values()) samples.sort((a, b) => a.atMs - b.atMs);
    return encodeWriteRequest(series.values());
  }

  #labelsOf(key: string, name: string, subject: () => Subject): Uint8Array {
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const { host, container } = subject();
    const labels = encodeLabels([
      ['__name__', name],
      ['host', host],
      ...(container === null
        ? []
        : ([
            ['container_id', container.id],
            ['container', container.name],
          ] as const)),
    ]);
    if (this.#labels.size >= MAX_KNOWN_LABELS) this.#labels.clear();
    this.#labels.set(key, labels);
    return labels;
  }

  #hostName(store: Store, id: number): string {
    const known = this.#hosts.get(id);
    if (known !== undefined) return known;
    for (const host of store.hosts()) this.#hosts.set(host.id, host.name);
    return this.#hosts.get(id) ?? String(id);
  }

  #container(store: Store, hostId: number, id: number): { id: string; name: string } {
    const known = this.#containers.get(id);
    if (known !== undefined) return known;
    // Numbers rise: the containers before this page were read when the host was read last.
    for (const { id: number, containerId, identity } of store.containers.page(hostId, { after: id - 1, limit: PAGE })) {
      if (this.#containers.size >= MAX_KNOWN_LABELS) this.#containers.clear();
      this.#containers.set(number, { id: containerId, name: identity.name });
    }
    return this.#containers.get(id) ?? { id: String(id), name: '' };
  }
}
