import { readFileSync } from 'node:fs';
import type { Clock } from '../../src/domain/clock.ts';
import type { MonotonicClock } from './clock-reading.ts';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** random(4): changes with every boot. Without it no two processes count as of one boot. */
function readBootId(): string {
  try {
    return readFileSync(BOOT_ID_FILE, 'utf8').trim();
  } catch {
    return `process-${process.pid}`;
  }
}

/** This host's clocks. `process.hrtime` is CLOCK_MONOTONIC, which all processes of one boot share. */
export function systemClock(clock: Clock): MonotonicClock {
  return {
    now: () => ({ wallMs: clock.nowMs(), monotonicMs: Number(process.hrtime.bigint() / 1_000_000n) }),
    bootId: readBootId(),
  };
}
