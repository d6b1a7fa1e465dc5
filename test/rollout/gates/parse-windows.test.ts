import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWithin, nextOpeningMs, parseWindows } from '../../../src/rollout/gates/parse-windows.ts';

/** January 2031: the 6th is a Monday. */
const at = (day: number, time: string): number => {
  const [hours, minutes, seconds] = time.split(':').map(Number);
  return Date.UTC(2031, 0, day, hours, minutes, seconds ?? 0);
};

function windows(text: string) {
  const parsed = parseWindows(text);
  assert(parsed.ok, parsed.ok ? '' : parsed.why);
  return parsed.windows;
}

for (const { text, now, open } of [
  { text: '22:00-23:00', now: at(6, '21:59:59'), open: false },
  { text: '22:00-23:00', now: at(6, '22:00'), open: true },
  { text: '22:00-23:00', now: at(6, '22:59:59'), open: true },
  { text: '22:00-23:00', now: at(6, '23:00'), open: false },
  { text: '22:00-04:00', now: at(7, '03:59'), open: true },
  { text: '22:00-04:00', now: at(7, '04:00'), open: false },
  { text: 'Mon 22:00-04:00', now: at(7, '03:00'), open: true },
  { text: 'Mon 22:00-04:00', now: at(6, '03:00'), open: false },
  { text: 'Sun 23:00-01:00', now: at(6, '00:30'), open: true },
  { text: 'Mon,Wed-Fri 10:00-11:00', now: at(7, '10:30'), open: false },
  { text: 'Mon,Wed-Fri 10:00-11:00', now: at(10, '10:30'), open: true },
  { text: 'Fri-Mon 10:00-11:00', now: at(12, '10:30'), open: true },
  { text: 'Fri-Mon 10:00-11:00', now: at(11, '10:30'), open: true },
  { text: 'Fri-Mon 10:00-11:00', now: at(7, '10:30'), open: false },
  { text: 'Fri-Mon 10:00-11:00', now: at(8, '10:30'), open: false },
  { text: 'Tue 10:00-11:00; Sun 08:00-09:00', now: at(12, '08:30'), open: true },
  { text: '00:00-24:00', now: at(12, '23:59:59'), open: true },
  { text: 'mon, tue 10:00 - 11:00', now: at(7, '10:30'), open: true },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: at(11, '20:59'), open: false },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: at(11, '21:00'), open: true },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: at(12, '02:59'), open: true },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: at(12, '03:00'), open: false },
  // In summer Berlin is two hours ahead: 12 July 2031 is a Saturday.
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: Date.UTC(2031, 6, 12, 19, 59), open: false },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: Date.UTC(2031, 6, 12, 20), open: true },
  { text: 'Mon 00:30-01:00 Asia/Kolkata', now: at(5, '19:15'), open: true },
  { text: 'Sun 20:00-21:00 America/New_York; Tue 10:00-11:00', now: at(6, '01:30'), open: true },
]) {
  test(`'${text}' is ${open ? 'open' : 'closed'} at ${new Date(now).toISOString()}`, () => {
    assert.equal(isWithin(windows(text), now), open);
  });
}

for (const { text, now, opens } of [
  { text: '22:00-23:00', now: at(6, '21:59:59'), opens: at(6, '22:00') },
  { text: '22:00-23:00', now: at(6, '23:00:01'), opens: at(7, '22:00') },
  { text: 'Mon 10:00-11:00', now: at(6, '11:00'), opens: at(13, '10:00') },
  { text: 'Tue 10:00-11:00; Sun 08:00-09:00', now: at(8, '00:00'), opens: at(12, '08:00') },
  { text: 'Sat 22:00-04:00 Europe/Berlin', now: at(8, '00:00'), opens: at(11, '21:00') },
  // Berlin's clocks go forward on Sunday, 30 March 2031, at 01:00 UTC, and back on Sunday, 26 October.
  { text: 'Sun 22:00-23:00 Europe/Berlin', now: Date.UTC(2031, 2, 29, 12), opens: Date.UTC(2031, 2, 30, 20) },
  { text: 'Sun 22:00-23:00 Europe/Berlin', now: Date.UTC(2031, 9, 25, 12), opens: Date.UTC(2031, 9, 26, 21) },
  { text: '02:30-03:30 Europe/Berlin', now: Date.UTC(2031, 9, 26, 0, 45), opens: Date.UTC(2031, 9, 27, 1, 30) },
]) {
  test(`'${text}' opens next at ${new Date(opens).toISOString()}`, () => {
    assert.equal(nextOpeningMs(windows(text), now), opens);
  });
}

for (const { text, why } of [
  { text: '', why: "'' is not a window" },
  { text: 'at night', why: "'at night' is not a window" },
  { text: '22:00', why: "'22:00' is not a window" },
  { text: '9:00-10:00', why: "'9:00-10:00' is not a window" },
  { text: '22:00-25:00', why: "'22:00-25:00' contains a time that does not exist" },
  { text: '22:60-23:00', why: "'22:60-23:00' contains a time that does not exist" },
  { text: '24:00-01:00', why: "'24:00-01:00' contains a time that does not exist" },
  { text: '10:00-10:00', why: "'10:00-10:00' ends at the time it begins" },
  { text: 'Someday 10:00-11:00', why: "'Someday' is not a list of days" },
  { text: 'Never-Mon 10:00-11:00', why: "'Never-Mon' is not a list of days" },
  { text: 'Mon-Never 10:00-11:00', why: "'Mon-Never' is not a list of days" },
  { text: 'Mon-Tue-Wed 10:00-11:00', why: "'Mon-Tue-Wed' is not a list of days" },
  { text: 'Mon, 10:00-11:00', why: "'Mon,' is not a list of days" },
  { text: '10:00-11:00;', why: "'' is not a window" },
  { text: '10:00-11:00 Middle-Earth/Shire', why: "'Middle-Earth/Shire' is not a time zone" },
  { text: '10:00-11:00 +02:00', why: "'10:00-11:00 +02:00' is not a window" },
]) {
  test(`unreadable: ${why}`, () => assert.deepEqual(parseWindows(text), { ok: false, why }));
}
