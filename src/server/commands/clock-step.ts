import type { CommandOf, Outcomes } from '../../domain/command.ts';
import type { State } from '../state/state.ts';

/**
 * Mends what is measured by the wall clock after that was set: silence is as long as it was before, and soaks begin again,
 * as their telemetry lies on both sides of the step.
 */
export function noteClockStep(
  { fleet, driver, judge, changes, listening }: State,
  { byMs, nowMs }: CommandOf<'note_clock_step'>,
): Outcomes['note_clock_step'] {
  changes.log({ atMs: nowMs, kind: 'clock_stepped', host: null, rolloutId: null, data: { by_ms: byMs } });
  listening.sinceMs += byMs;
  fleet.shiftTimes(byMs);
  judge.forgetTimes();
  return { restarted: driver.restartSoaks(byMs, nowMs) };
}
