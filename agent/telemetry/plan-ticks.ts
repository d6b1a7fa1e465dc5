import { createHash } from 'node:crypto';

/**
 * Where in the interval this host ticks, milliseconds in [0, intervalMs): always the same for the same identity, so
 * that a host keeps its rhythm over restarts and a fleet spreads itself out.
 */
export function tickOffsetMs(identity: string, intervalMs: number): number {
  const share = createHash('sha256').update(identity).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(share * intervalMs);
}

/** The first moment after `nowMs` (wall clock) that is a multiple of `intervalMs`, moved by `offsetMs`. */
export function nextTickAtMs(nowMs: number, intervalMs: number, offsetMs: number): number {
  return (Math.floor((nowMs - offsetMs) / intervalMs) + 1) * intervalMs + offsetMs;
}

/**
 * How long to wait for the tick after `nowMs`. Always within (0, intervalMs] and planned anew from the clock as it
 * stands, so neither a step of the clock nor a suspended machine makes up for ticks it has missed. A tick that comes
 * due within `tooSoonMs` (a timer that fired a little early) gives way to the one after it.
 */
export function untilNextTickMs(nowMs: number, intervalMs: number, offsetMs: number, tooSoonMs: number): number {
  const waitMs = nextTickAtMs(nowMs, intervalMs, offsetMs) - nowMs;
  return waitMs <= tooSoonMs ? waitMs + intervalMs : waitMs;
}
