/**
 * When nothing is wrong, things happen at once: a wake-up that is lost shows as a delay long before it shows as a
 * standstill.
 */
import assert from 'node:assert/strict';
import type { LogEvent } from '../../../../src/domain/event-log.ts';
import type { AgentEventType } from '../../../../src/domain/rollout.ts';
import { entryOf } from '../../../../src/rollout/stored-entry.ts';

/** What earlier trouble has put off has happened by then: agents try again within a minute. */
const SETTLED_AFTER_MS = 75_000;
/** From a dispatch to its acknowledgement, to a host whose agent asks all the time. */
const MAX_ACK_MS = 5_000;
/** Between two ticks of a host with a stack in its soak: 5 s, and what taking them may cost. */
const MAX_SOAK_GAP_MS = 7_000;

/** How a soak ends, the way back included, which a server hears of although it has never heard of the failure. */
const SOAK_ENDS: ReadonlySet<AgentEventType> = new Set([
  'converged',
  'failed',
  'activation_failed',
  'rollback_completed',
  'rollback_failed',
]);

export class Promptness {
  readonly #nowMs: () => number;
  readonly #dispatchedAtMs = new Map<string, number>();
  /** When each host has ticked last in a soak of its own, or when that began, by host and rollout. */
  readonly #sampledAtMs = new Map<string, Map<string, number>>();
  #calmSinceMs = Number.POSITIVE_INFINITY;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The last fault is over. */
  faultsAreOver(): void {
    this.#calmSinceMs = this.#nowMs();
  }

  /** From this true time on nothing is wrong, and what earlier trouble has put off has happened. */
  get calmAtMs(): number {
    return this.#calmSinceMs + SETTLED_AFTER_MS;
  }

  get isCalm(): boolean {
    return this.#nowMs() >= this.calmAtMs;
  }

  /** A host's agent has taken a tick. */
  onTick(host: string): void {
    const soaks = this.#sampledAtMs.get(host) ?? new Map<string, number>();
    for (const [rolloutId, sampledAtMs] of soaks) {
      const gapMs = this.#nowMs() - sampledAtMs;
      assert(
        sampledAtMs < this.calmAtMs || gapMs <= MAX_SOAK_GAP_MS,
        `${host} took no tick for ${Math.round(gapMs)} ms in its soak of ${rolloutId}, and nothing is wrong`,
      );
      soaks.set(rolloutId, this.#nowMs());
    }
  }

  /** The server is restored from a backup: it may never hear how a soak has ended. */
  forgetSoaks(): void {
    this.#sampledAtMs.clear();
  }

  #noteSoak(host: string, rolloutId: string, type: AgentEventType): void {
    const soaks = this.#sampledAtMs.get(host) ?? new Map<string, number>();
    this.#sampledAtMs.set(host, soaks);
    if (type === 'activation_completed') soaks.set(rolloutId, this.#nowMs());
    if (SOAK_ENDS.has(type)) soaks.delete(rolloutId);
  }

  onCommit(event: LogEvent): void {
    const { kind, host, rolloutId } = event;
    const key = `${rolloutId} ${host}`;
    if (kind === 'host_dispatched') this.#dispatchedAtMs.set(key, this.#nowMs());
    if (kind === 'dispatch_withdrawn') this.#dispatchedAtMs.delete(key);
    if (kind === 'host_dropped' || kind === 'host_left') this.#sampledAtMs.get(String(host))?.delete(String(rolloutId));
    if (kind !== 'host_reported') return;
    const entry = entryOf(event);
    if (entry.kind !== 'host_reported') return;
    this.#noteSoak(entry.host, String(rolloutId), entry.numbered.event.type);
    if (entry.numbered.event.type !== 'dispatch_ack') return;
    const dispatchedAtMs = this.#dispatchedAtMs.get(key) ?? 0;
    if (dispatchedAtMs < this.calmAtMs) return;
    const tookMs = this.#nowMs() - dispatchedAtMs;
    assert(tookMs <= MAX_ACK_MS, `${host} took ${Math.round(tookMs)} ms to take up ${rolloutId}, and nothing is wrong`);
  }
}
