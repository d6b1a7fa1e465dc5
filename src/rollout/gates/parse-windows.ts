/**
 * Parses maintenance windows as operators write them: `[Mon,Tue-Fri ]HH:MM-HH:MM[ ZONE]`, several separated by `;`. The
 * zone is one of the IANA database, such as `Europe/Berlin`; without one the times are UTC. A window that ends before it
 * begins passes midnight and belongs to the day it begins on. Without days it is daily.
 */
import { zoneOffsetMinutes } from './zone-offset.ts';

export interface Window {
  /** Minutes since Monday 00:00 in its zone, 0–10,079. */
  readonly startMinute: number;
  /** 1–1,440. */
  readonly minutes: number;
  /** Null: UTC. */
  readonly zone: string | null;
}

export type ParsedWindows =
  | { readonly ok: true; readonly windows: readonly Window[] }
  | { readonly ok: false; readonly why: string };

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const WINDOW = /^(?:([a-z,\s-]+?)\s+)?(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})(?:\s+([a-z][\w/+-]*))?$/i;
const DAY_MINUTES = 1440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** The epoch was a Thursday. */
const EPOCH_MINUTE = 3 * DAY_MINUTES;

export function parseWindows(text: string): ParsedWindows {
  const windows: Window[] = [];
  for (const part of text.split(';')) {
    const written = part.trim();
    const match = WINDOW.exec(written);
    if (match === null) return { ok: false, why: `'${written}' is not a window` };
    const zone = match[6] ?? null;
    if (zone !== null && zoneOffsetMinutes(zone, 0) === null) {
      return { ok: false, why: `'${zone}' is not a time zone` };
    }
    const days = parseDays(match[1]);
    if (days === undefined) return { ok: false, why: `'${match[1]}' is not a list of days` };
    const start = minuteOf(match[2], match[3]);
    const end = minuteOf(match[4], match[5]);
    if (start === undefined || start === DAY_MINUTES || end === undefined) {
      return { ok: false, why: `'${written}' contains a time that does not exist` };
    }
    if (start === end) return { ok: false, why: `'${written}' ends at the time it begins` };
    const minutes = end > start ? end - start : end + DAY_MINUTES - start;
    for (const day of days) windows.push({ startMinute: day * DAY_MINUTES + start, minutes, zone });
  }
  return { ok: true, windows };
}

export function isWithin(windows: readonly Window[], nowMs: number): boolean {
  return windows.some(({ startMinute, minutes, zone }) => {
    return modulo(minuteOfWeek(nowMs, zone) - startMinute, WEEK_MINUTES) < minutes;
  });
}

/** When the next window begins. One that begins in the current minute counts as a week away. */
export function nextOpeningMs(windows: readonly Window[], nowMs: number): number {
  return Math.min(...windows.map((window) => openingMs(window, nowMs)));
}

function openingMs({ startMinute, zone }: Window, nowMs: number): number {
  const wait = modulo(startMinute - minuteOfWeek(nowMs, zone) - 1, WEEK_MINUTES) + 1;
  const [now, offset] = [Math.floor(nowMs / 60_000), offsetOf(nowMs, zone)];
  const guess = now + wait;
  // Clocks may be put forward or back before then.
  const opening = guess + offset - offsetOf(guess * 60_000, zone);
  if (opening > now) return opening * 60_000;
  // It has begun in the hour that is had twice.
  return (opening + WEEK_MINUTES) * 60_000;
}

function offsetOf(ms: number, zone: string | null): number {
  return zone === null ? 0 : (zoneOffsetMinutes(zone, ms) ?? 0);
}

function minuteOfWeek(ms: number, zone: string | null): number {
  return modulo(Math.floor(ms / 60_000) + offsetOf(ms, zone) + EPOCH_MINUTE, WEEK_MINUTES);
}

/** `24:00` is the end of the day. */
function minuteOf(hours: string | undefined, minutes: string | undefined): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes);
  return Number(minutes) > 59 || minute > DAY_MINUTES ? undefined : minute;
}

/** `Mon,Wed-Fri`, in any case; a range may pass the end of the week. */
function parseDays(text: string | undefined): Set<number> | undefined {
  const days = new Set<number>();
  if (text === undefined) return new Set(DAYS.keys());
  for (const part of text.split(',')) {
    const [from, to, ...more] = part.split('-').map((name) => DAYS.indexOf(name.trim().toLowerCase()));
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
