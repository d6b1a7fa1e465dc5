/**
 * Parses maintenance windows as operators write them: `[Mon,Tue-Fri ]HH:MM-HH:MM` in UTC, several separated by `;`. A
 * window that ends before it begins passes midnight and belongs to the day it begins on. Without days it is daily.
 */
export interface Window {
  /** Minutes since Monday 00:00 UTC, 0–10,079. */
  readonly startMinute: number;
  /** 1–1,440. */
  readonly minutes: number;
}

export type ParsedWindows =
  | { readonly ok: true; readonly windows: readonly Window[] }
  | { readonly ok: false; readonly why: string };

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const WINDOW = /^(?:([a-z,\s-]+?)\s+)?(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})$/;
const DAY_MINUTES = 1440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** The epoch was a Thursday. */
const EPOCH_MINUTE = 3 * DAY_MINUTES;

export function parseWindows(text: string): ParsedWindows {
  const windows: Window[] = [];
  for (const part of text.split(';')) {
    const written = part.trim();
    const match = WINDOW.exec(written.toLowerCase());
    if (match === null) return { ok: false, why: `'${written}' is not a window` };
    const days = parseDays(match[1]);
    if (days === undefined) return { ok: false, why: `'${match[1]}' is not a list of days` };
    const start = minuteOf(match[2], match[3]);
    const end = minuteOf(match[4], match[5]);
    if (start === undefined || start === DAY_MINUTES || end === undefined) {
      return { ok: false, why: `'${written}' contains a time that does not exist` };
    }
    if (start === end) return { ok: false, why: `'${written}' ends at the time it begins` };
    const minutes = end > start ? end - start : end + DAY_MINUTES - start;
    for (const day of days) windows.push({ startMinute: day * DAY_MINUTES + start, minutes });
  }
  return { ok: true, windows };
}

export function isWithin(windows: readonly Window[], nowMs: number): boolean {
  const now = minuteOfWeek(nowMs);
  return windows.some(({ startMinute, minutes }) => modulo(now - startMinute, WEEK_MINUTES) < minutes);
}

/** When the next window begins. One that begins in the current minute counts as a week away. */
export function nextOpeningMs(windows: readonly Window[], nowMs: number): number {
  const now = minuteOfWeek(nowMs);
  const waits = windows.map(({ startMinute }) => modulo(startMinute - now - 1, WEEK_MINUTES) + 1);
  return (Math.floor(nowMs / 60_000) + Math.min(...waits)) * 60_000;
}

function minuteOfWeek(ms: number): number {
  return modulo(Math.floor(ms / 60_000) + EPOCH_MINUTE, WEEK_MINUTES);
}

/** `24:00` is the end of the day. */
function minuteOf(hours: string | undefined, minutes: string | undefined): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes);
  return Number(minutes) > 59 || minute > DAY_MINUTES ? undefined : minute;
}

/** `mon,wed-fri`; a range may pass the end of the week. */
function parseDays(text: string | undefined): Set<number> | undefined {
  const days = new Set<number>();
  if (text === undefined) return new Set(DAYS.keys());
  for (const part of text.split(',')) {
    const [from, to, ...more] = part.split('-').map((name) => DAYS.indexOf(name.trim()));
    const last = to ?? from;
    if (from === undefined || last === undefined || from < 0 || last < 0 || more.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
