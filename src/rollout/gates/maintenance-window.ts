import { formatInstant } from '../../domain/instant.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, holdUntil } from './gate.ts';
import { isWithin, nextOpeningMs, parseWindows } from './parse-windows.ts';

export const WINDOW_LABEL = 'maintenance-window';

/** A host with such a label is only changed within it. */
export function checkMaintenanceWindow({ fleet, nowMs }: GateContext, { name }: RolloutHost): Holding | null {
  const text = fleet.host(name)?.labels[WINDOW_LABEL];
  if (text === undefined) return null;
  const parsed = parseWindows(text);
  if (!parsed.ok) {
    const advice = "write e.g. 'Mon-Fri 22:00-04:00', in UTC";
    return hold(
      'maintenance_window',
      `label ${WINDOW_LABEL} of ${quote(name)} is unreadable: ${parsed.why}; ${advice}`,
    );
  }
  if (isWithin(parsed.windows, nowMs)) return null;
  const opensAtMs = nextOpeningMs(parsed.windows, nowMs);
  const opens = formatInstant(opensAtMs);
  return holdUntil(
    'maintenance_window',
    `${quote(name)} may only be changed in ${quote(text)} (UTC): next at ${opens}`,
    opensAtMs,
  );
}
