/**
 * Instants: milliseconds since the Unix epoch inside, ISO 8601 UTC strings on the wire.
 *
 * `Date.parse` is not used: it accepts local times, rolls 30 February over and reads dozens of other formats.
 */
const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)$/;

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysInMonth(year: number, month: number): number {
  const leap = month === 2 && (year % 4 === 0 ? year % 100 !== 0 || year % 400 === 0 : false);
  return leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

/** NaN where there is no digit: whatever is compared with it is false. */
function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : Number.NaN;
}

function pair(text: string, at: number): number {
  return 10 * digit(text, at) + digit(text, at + 1);
}

/** The milliseconds of a fraction that begins at `from` and ends before `to`; NaN when it is none. */
function fraction(text: string, from: number, to: number): number {
  if (from === to) return 0;
  if (text[from] !== '.' || to - from < 2 || to - from > 13) return Number.NaN;
  let milliseconds = 0;
  let scale = 100;
  for (let at = from + 1; at < to; at += 1) {
    milliseconds += scale >= 1 ? digit(text, at) * scale : 0 * digit(text, at);
    scale /= 10;
  }
  return milliseconds;
}

/** The one form that engines and agents write, `2026-01-31T12:00:00.123456789Z`; undefined for every other. */
function parseUsual(text: string): number | undefined {
  const end = text.length - 1;
  if (end < 19 || text[end] !== 'Z' || text[4] !== '-' || text[7] !== '-' || text[10] !== 'T') return undefined;
  if (text[13] !== ':' || text[16] !== ':') return undefined;
  const [year, month, day] = [100 * pair(text, 0) + pair(text, 2), pair(text, 5), pair(text, 8)];
  const [hour, minute, second] = [pair(text, 11), pair(text, 14), pair(text, 17)];
  const milliseconds = fraction(text, 19, end);
  // Date.UTC takes the years before 100 for those of the last century.
  const isDay = year >= 100 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  const isTime = hour <= 23 && minute <= 59 && second <= 59 && milliseconds >= 0;
  return isDay && isTime ? Date.UTC(year, month - 1, day, hour, minute, second, milliseconds) : undefined;
}

/**
 * Reads an ISO 8601 date and time with a zone (`Z`, `±hh`, `±hhmm` or `±hh:mm`), seconds and fraction optional.
 * Returns milliseconds since the epoch, finer digits cut off, or undefined when the text is anything else.
 */
export function parseInstant(text: string): number | undefined {
  if (text.length > 40) return undefined;
  return parseUsual(text) ?? parseAny(text);
}

function parseAny(text: string): number | undefined {
  const match = ISO_8601.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const offsetHours = part(10);
  const offsetMinutes = part(11);
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, milliseconds);
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[9] === '-' ? -1 : 1);
  return date.getTime() - offsetMs;
}

/** Milliseconds since the epoch as `2026-01-31T12:00:00.000Z`. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** As {@link formatInstant}; null stays null. */
export function formatInstantOrNull(ms: number | null): string | null {
  return ms === null ? null : formatInstant(ms);
}
