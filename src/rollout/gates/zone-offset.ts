/** Minutes that a zone of the IANA database is ahead of UTC at an instant. */

/** There are some hundreds of zones; more are names in other spellings. */
const MAX_KNOWN = 1_000;
/** A format takes long to make, and gates ask for thousands of hosts. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Null: there is no such zone. */
export function zoneOffsetMinutes(zone: string, ms: number): number | null {
  const format = formats.get(zone) ?? makeFormat(zone);
  if (format === null) return null;
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
  return local / 60_000 - Math.floor(ms / 60_000);
}

function makeFormat(zone: string): Intl.DateTimeFormat | null {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch {
    return null;
  }
  if (formats.size >= MAX_KNOWN) formats.clear();
  formats.set(zone, format);
  return format;
}
