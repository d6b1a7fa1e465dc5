import { crc32 } from 'node:zlib';

/**
 * Where in the interval this host ticks, milliseconds in [0, intervalMs): always the same for the same identity, so
 * that a host keeps its rhythm over restarts and a fleet spreads itself out.
 */
export function tickOffsetMs(identity: string, intervalMs: number): number {
  // A checksum spreads tokens, which are random, as well as a hash would, and is loaded already.
  const share = crc32(identity) / 2 ** 32;
  return Math.floor(share * intervalMs);
}

/** The first instant after `nowMs` (wall clock) that is a multiple of `intervalMs` plus `offsetMs`. */
export function nextTickAtMs(nowMs: number, intervalMs: number, offsetMs: number): number {
  return (Math.floor((nowMs - offsetMs) / intervalMs) + 1) * intervalMs + offsetMs;
}

/**
 * How long to wait for the tick after `nowMs`: more than 0 and at most `intervalMs` + `tooSoonMs`. Computed from the
 * clock each time, so that ticks missed during a step of the clock or a suspension are not made up for. A tick that is
 * due within `tooSoonMs`, because a timer fired a little early, is skipped in favour of the next one.
 */
export function untilNextTickMs(nowMs: number, intervalMs: number, offsetMs: number, tooSoonMs: number): number {
  const waitMs = nextTickAtMs(nowMs, intervalMs, offsetMs) - nowMs;
  return waitMs <= tooSoonMs ? waitMs + intervalMs : waitMs;
}
