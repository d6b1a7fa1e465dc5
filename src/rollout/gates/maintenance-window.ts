import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';
import { WINDOW_LABEL } from './labels.ts';
import { isWithin, nextOpeningMs, parseWindows } from './parse-windows.ts';

/** A host with maintenance windows is changed only within them. */
export function checkMaintenanceWindow({ fleet, nowMs }: GateContext, { name: host }: RolloutHost): Holding | null {
  const text = fleet.host(host)?.labels[WINDOW_LABEL];
  if (text === undefined) return null;
  const parsed = parseWindows(text);
  if (!parsed.ok) return holding({ gate: 'maintenance_window', kind: 'unreadable', host, why: parsed.why });
  if (isWithin(parsed.windows, nowMs)) return null;
  const opensAtMs = nextOpeningMs(parsed.windows, nowMs);
  const hold = { gate: 'maintenance_window', kind: 'closed', host, windows: text, opensAtMs } as const;
  return { hold, wakeAtMs: opensAtMs, waitsFor: null };
}
