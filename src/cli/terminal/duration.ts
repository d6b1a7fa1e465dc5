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

/** The value of `flag` in seconds, 0 included. Throws `usage` for what {@link parseDuration} does not read. */
export function readDurationOrZero(flag: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new NexusError(
    'usage',
    `${flag} is '${text}', which is not a duration: write for example 45s, 30m, 12h, 90d or 1h30m.`,
  );
}

/** Seconds, both included. */
export interface DurationRange {
  readonly min: number;
  readonly max: number;
}

/** As {@link readDurationOrZero}, but refuses what is outside of `range`; by default only 0 is. */
export function readDuration(flag: string, text: string, range?: DurationRange): number {
  const seconds = readDurationOrZero(flag, text);
  const { min, max } = range ?? { min: 1, max: Number.POSITIVE_INFINITY };
  if (seconds >= min && seconds <= max) return seconds;
  const bounds =
    max === Number.POSITIVE_INFINITY
      ? `at least ${durationFlag(min)}`
      : `from ${durationFlag(min)} to ${durationFlag(max)}`;
  throw new NexusError('usage', `${flag} is '${text}', but it must be ${bounds}.`);
}

/** The value of `flag` as ISO 8601 in UTC: `now`, an ISO 8601 instant, or how long ago (`1h`). Throws `usage`. */
function readPointInTime(flag: string, text: string, nowMs: number): string {
  if (text === 'now') return formatInstant(nowMs);
  const instant = parseInstant(text);
  if (instant !== undefined) return formatInstant(instant);
  const agoSeconds = parseDuration(text.replace(/^-/, ''));
  if (agoSeconds === undefined) {
    throw new NexusError(
      'usage',
      `${flag} is '${text}', which is not a point in time: write how long ago (1h, 7d), now, or for example 2026-01-31T12:00:00Z.`,
    );
  }
  return formatInstant(nowMs - agoSeconds * 1000);
}

export interface SpanFlags {
  readonly from?: string;
  readonly to?: string;
}

/** `--from` and `--to` as {@link readPointInTime} reads them. Throws `usage` for a span that ends before it starts. */
export function readTimeSpan(flags: SpanFlags, nowMs: number): { from: string | undefined; to: string | undefined } {
  const from = flags.from === undefined ? undefined : readPointInTime('--from', flags.from, nowMs);
  const to = flags.to === undefined ? undefined : readPointInTime('--to', flags.to, nowMs);
  if (from !== undefined && from > (to ?? formatInstant(nowMs))) {
    throw new NexusError('usage', `--from is ${from}, which is later than ${to ?? 'now'}: swap --from and --to.`);
  }
  return { from, to };
}

const FLAG_UNITS = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Seconds as a flag is written: the largest unit that divides them, `60` → `1m`, `90` → `90s`. */
export function durationFlag(seconds: number): string {
  const unit = FLAG_UNITS.find(([, length]) => seconds >= length && seconds % length === 0);
  return unit === undefined ? `${seconds}s` : `${seconds / unit[1]}${unit[0]}`;
}

const AGE_UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const;

/** The age of something, in its largest unit and rounded down: `45 s`, `3 min`, `2 h`, `5 d`. */
function formatAge(seconds: number): string {
  const [unit, length] = AGE_UNITS.find(([, one]) => seconds >= one) ?? (['s', 1] as const);
  return `${Math.floor(seconds / length)} ${unit}`;
}

/** `12 s ago`, `in 3 h`, `now` for less than a second either way. */
export function formatRelativeTime(instantMs: number, nowMs: number): string {
  const seconds = Math.abs(nowMs - instantMs) / 1000;
  if (seconds < 1) return 'now';
  return instantMs <= nowMs ? `${formatAge(seconds)} ago` : `in ${formatAge(seconds)}`;
}
