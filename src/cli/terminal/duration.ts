import { NexusError } from '../../domain/errors.ts';
import { formatInstant, parseInstant } from '../../domain/instant.ts';

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
};

/** `90`, `45s`, `30m`, `12h`, `90d`, `2w`, `1y` or a sum of those (`1h30m`) in seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  if (!/^(?:\d{1,9}[smhdwy])+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount = '0', unit = 's'] of text.matchAll(/(\d+)([smhdwy])/g)) {
    seconds += Number(amount) * (SECONDS_PER_UNIT[unit] ?? 0);
  }
  return seconds;
}

/** As {@link parseDuration}; anything else is wrong usage of `flag`. */
export function readDuration(flag: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds === 0) {
    throw new NexusError('usage', `${flag} is '${text}', which is no duration: write 45s, 30m, 12h, 90d or 1h30m.`);
  }
  return seconds;
}

/** As {@link readDuration}, but `0` is a duration as well: it switches off. */
export function readDurationOrOff(flag: string, text: string): number {
  return parseDuration(text) === 0 ? 0 : readDuration(flag, text);
}

/** A point in time of a flag: `now`, an ISO 8601 instant, or how long ago (`1h`). Returns ISO 8601 UTC. */
export function readPointInTime(flag: string, text: string, nowMs: number): string {
  if (text === 'now') return formatInstant(nowMs);
  const instant = parseInstant(text);
  if (instant !== undefined) return formatInstant(instant);
  const agoSeconds = parseDuration(text.replace(/^-/, ''));
  if (agoSeconds === undefined) {
    throw new NexusError(
      'usage',
      `${flag} is '${text}', which is no point in time: write how long ago (1h, 7d), now, or 2026-01-31T12:00:00Z.`,
    );
  }
  return formatInstant(nowMs - agoSeconds * 1000);
}

const UNITS_LARGEST_FIRST = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** Seconds in the largest unit that fits, rounded down: `45 s`, `3 min`, `2 h`, `5 d`. */
export function formatDuration(seconds: number): string {
  for (const [unit, length] of UNITS_LARGEST_FIRST) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}

/** `12 s ago`, `in 3 h`, `now` for less than a second either way. */
export function formatRelativeTime(instantMs: number, nowMs: number): string {
  const seconds = Math.abs(nowMs - instantMs) / 1000;
  if (seconds < 1) return 'now';
  return instantMs <= nowMs ? `${formatDuration(seconds)} ago` : `in ${formatDuration(seconds)}`;
}
