/**
 * What the server has promised by its answers, and whether it keeps it: an acknowledged tick or event is committed when
 * its answer leaves, is there once, and stays there; an epoch is given to one dispatch; an answer tells of nothing that
 * is not committed. And what an agent owes: every tick it has taken arrives, unless what held it was lost.
 */
import assert from 'node:assert/strict';
import type { LogEvent } from '../../../../src/domain/event-log.ts';
import { parseInstant } from '../../../../src/domain/instant.ts';
import { entryOf } from '../../../../src/rollout/stored-entry.ts';
import { agentStateBodySchema, dispatchBodySchema } from '../../../../src/wire/agent-event.ts';
import type { HttpAnswer, HttpMessage, Wiretap } from '../kernel/network.ts';

/** The ticks that are stored durably, by host. */
export interface StoredTicks {
  has(host: string, recordedAtMs: number): boolean;
  /** Every one, in time order. */
  all(host: string): number[];
}

/** One host's part in one rollout, as far as it is committed. */
interface Committed {
  epoch: number;
  lastSeq: number;
  /** Types of its applied events, by number. */
  readonly events: Map<number, string>;
}

interface SentTicks {
  /** Taken, and not acknowledged: when, by their host's monotonic clock. */
  readonly open: Map<number, number>;
  readonly acknowledged: Set<number>;
  /** Ticks that the agent has reported as lost. */
  reportedLosses: number;
}

export class Promises implements Omit<Wiretap, 'onSend'> {
  readonly #nowMs: () => number;
  readonly #note: (text: string) => void;
  readonly #stored: StoredTicks;
  readonly #ticks = new Map<string, SentTicks>();
  readonly #committed = new Map<string, Committed>();
  /** Acknowledged events: their types. */
  readonly #events = new Map<string, string>();
  readonly #arrivals = new Map<string, number>();
  /** The rollout that an epoch was handed out for. */
  readonly #epochs = new Map<string, string>();
  readonly #heard = new Set<string>();
  readonly #archived = new Set<string>();
  /** Requests that came before their host was archived. */
  readonly #inTime = new WeakSet<HttpMessage>();

  constructor(stored: StoredTicks, nowMs: () => number, note: (text: string) => void) {
    this.#stored = stored;
    this.#nowMs = nowMs;
    this.#note = note;
  }

  onRequest(from: string, message: HttpMessage): void {
    if (!this.#archived.has(from)) this.#inTime.add(message);
    if (message.path === '/agent/telemetry') this.#heard.add(from);
    if (message.path !== '/v1/agent/events') return;
    const { rollout_id: rolloutId, event } = eventOf(message);
    const key = `${rolloutId} ${from} ${event.seq}`;
    if (!this.#arrivals.has(key)) this.#arrivals.set(key, this.#nowMs());
  }

  hasBeenHeard(host: string): boolean {
    return this.#heard.has(host);
  }

  arrivedAtMs(rolloutId: string, host: string, seq: number): number | undefined {
    return this.#arrivals.get(`${rolloutId} ${host} ${seq}`);
  }

  onCommit(events: readonly LogEvent[]): void {
    for (const event of events) {
      const { rolloutId, host, kind } = event;
      if (kind === 'host_archived' && host !== null) this.#archived.add(host);
      if (rolloutId === null || host === null) continue;
      const part = this.#committed.get(`${rolloutId} ${host}`) ?? { epoch: 0, lastSeq: 0, events: new Map() };
      this.#committed.set(`${rolloutId} ${host}`, part);
      if (kind !== 'host_dispatched' && kind !== 'host_reported') continue;
      const entry = entryOf(event);
      if (entry.kind === 'host_dispatched') part.epoch = entry.epoch;
      if (entry.kind !== 'host_reported') continue;
      const { seq, event: reported } = entry.numbered;
      part.lastSeq = seq;
      part.events.set(seq, reported.type);
    }
  }

  onAnswer(from: string, message: HttpMessage, answer: HttpAnswer): void {
    const { path } = message;
    const isRefused = answer.status === 401 || answer.status === 503;
    assert(isRefused || this.#inTime.has(message), `${from} is archived, and ${path} is answered ${answer.status}`);
    this.#note(`${from} ${message.method} ${path}: ${answer.status}`);
    if (path === '/agent/telemetry' && answer.status === 204) this.#tickStored(from, JSON.parse(String(message.body)));
    if (path === '/agent/telemetry/batch' && answer.status === 204) {
      for (const tick of JSON.parse(String(message.body)).ticks) this.#tickStored(from, tick);
    }
    if (path === '/v1/agent/events' && answer.status === 204) this.#eventTaken(from, message);
    if (path.startsWith('/v1/agent/dispatch') && answer.status === 200) this.#dispatched(from, answer);
    if (path === '/v1/agent/state' && answer.status === 200) this.#stateTold(from, answer);
  }

  /** The agent has taken a tick, and is to deliver it. */
  tickTaken(host: string, recordedAtMs: number, monotonicMs: number): void {
    this.#sent(host).open.set(recordedAtMs, monotonicMs);
  }

  /** The agent has said in its log that so many ticks are lost for good. */
  lossReported(host: string, ticks: number): void {
    this.#sent(host).reportedLosses += ticks;
  }

  /** The agent's process has ended, or its disk is gone: only what its disk holds now can still arrive. */
  onLoss(host: string, kept: ReadonlySet<number>): void {
    const { open } = this.#sent(host);
    for (const recordedAtMs of [...open.keys()]) if (!kept.has(recordedAtMs)) open.delete(recordedAtMs);
  }

  /** Nobody owes these: the server has refused them, or they lie in a file that the disk did not give back. */
  excuse(host: string, ticks: readonly number[]): void {
    for (const recordedAtMs of ticks) this.#sent(host).open.delete(recordedAtMs);
  }

  /** How long ago each tick was taken that nobody has acknowledged. */
  agesOf(host: string, monotonicMs: number): Map<number, number> {
    const { open } = this.#sent(host);
    return new Map([...open].map(([recordedAtMs, takenAtMs]) => [recordedAtMs, monotonicMs - takenAtMs]));
  }

  /** How many ticks the agent has reported as lost. */
  lossesOf(host: string): number {
    return this.#sent(host).reportedLosses;
  }

  /** Ticks that are still on their way, beyond those that were reported as lost. */
  owed(host: string): number {
    const { open, reportedLosses } = this.#sent(host);
    return Math.max(0, open.size - reportedLosses);
  }

  /** What this returns takes back every promise that was given after now: the server is restored from a backup. */
  remember(): () => void {
    const [committed, events, epochs] = structuredClone([this.#committed, this.#events, this.#epochs] as const);
    const archived = new Set(this.#archived);
    const acknowledged = new Map([...this.#ticks].map(([host, ticks]) => [host, new Set(ticks.acknowledged)]));
    return () => {
      replace(this.#committed, committed);
      replace(this.#events, events);
      replace(this.#epochs, epochs);
      for (const host of [...this.#archived]) if (!archived.has(host)) this.#archived.delete(host);
      for (const [host, ticks] of this.#ticks) {
        const before = acknowledged.get(host) ?? new Set();
        for (const tick of [...ticks.acknowledged]) if (!before.has(tick)) ticks.acknowledged.delete(tick);
      }
    };
  }

  /** Everything that was ever acknowledged is there, once. */
  checkKept(): void {
    for (const [host, { acknowledged }] of this.#ticks) {
      const stored = this.#stored.all(host);
      const distinct = new Set(stored);
      assert.equal(distinct.size, stored.length, `a tick of ${host} is stored twice`);
      for (const recordedAtMs of acknowledged) {
        assert(distinct.has(recordedAtMs), `the tick ${recordedAtMs} of ${host} was acknowledged, and is gone`);
      }
    }
    for (const [key, type] of this.#events) {
      const [rolloutId = '', host = '', seq = ''] = key.split(' ');
      const committed = this.#committed.get(`${rolloutId} ${host}`)?.events.get(Number(seq));
      assert.equal(committed, type, `event ${seq} of ${host} in ${rolloutId} was acknowledged`);
    }
  }

  #sent(host: string): SentTicks {
    const known = this.#ticks.get(host);
    if (known !== undefined) return known;
    const sent = { open: new Map<number, number>(), acknowledged: new Set<number>(), reportedLosses: 0 };
    this.#ticks.set(host, sent);
    return sent;
  }

  #tickStored(host: string, tick: { readonly recorded_at: string }): void {
    const recordedAtMs = parseInstant(tick.recorded_at) ?? Number.NaN;
    assert(
      this.#stored.has(host, recordedAtMs),
      `the tick ${recordedAtMs} of ${host} is acknowledged before it is stored`,
    );
    const sent = this.#sent(host);
    sent.open.delete(recordedAtMs);
    sent.acknowledged.add(recordedAtMs);
  }

  #eventTaken(host: string, message: HttpMessage): void {
    const { rollout_id: rolloutId, event } = eventOf(message);
    const part = this.#committed.get(`${rolloutId} ${host}`);
    const isCommitted = part !== undefined && event.seq <= part.lastSeq;
    assert(isCommitted, `event ${event.seq} of ${host} in ${rolloutId} is acknowledged before it is committed`);
    if (part.events.has(event.seq)) this.#events.set(`${rolloutId} ${host} ${event.seq}`, event.type);
  }

  #dispatched(host: string, answer: HttpAnswer): void {
    const { rollout_id: rolloutId, stack, epoch } = dispatchBodySchema.parse(JSON.parse(String(answer.body)));
    this.#checkEpoch(host, rolloutId, epoch);
    const key = `${stack} ${host} ${epoch}`;
    const owner = this.#epochs.get(key) ?? rolloutId;
    this.#epochs.set(key, owner);
    assert.equal(rolloutId, owner, `epoch ${epoch} of ${stack} on ${host} is given twice`);
  }

  #stateTold(host: string, answer: HttpAnswer): void {
    const { rollouts } = agentStateBodySchema.parse(JSON.parse(String(answer.body)));
    for (const { rollout_id: rolloutId, epoch, last_event_seq: lastSeq } of rollouts) {
      const committed = this.#committed.get(`${rolloutId} ${host}`)?.lastSeq ?? 0;
      assert(
        lastSeq <= committed,
        `${host} is told of event ${lastSeq} in ${rolloutId}, and ${committed} is committed`,
      );
      if (epoch !== null) this.#checkEpoch(host, rolloutId, epoch);
    }
  }

  #checkEpoch(host: string, rolloutId: string, epoch: number): void {
    const committed = this.#committed.get(`${rolloutId} ${host}`)?.epoch ?? 0;
    assert(epoch <= committed, `${host} is told of epoch ${epoch} of ${rolloutId}, and ${committed} is committed`);
  }
}

function replace<K, V>(map: Map<K, V>, by: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of by) map.set(key, value);
}

interface SentEvent {
  readonly rollout_id: string;
  readonly event: { readonly seq: number; readonly type: string };
}

export function eventOf(message: HttpMessage): SentEvent {
  return JSON.parse(String(message.body)) as SentEvent;
}
