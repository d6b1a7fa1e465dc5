import { assertNever } from '../../domain/errors.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, holdUnread } from './gate.ts';

/** Only a host that reports is told anything: what cannot be seen cannot be judged in its soak. */
export function checkHost({ fleet, nowMs }: GateContext, { name }: RolloutHost): Holding | null {
  const reading = fleet.host(name);
  if (!reading.ok) return holdUnread('host', `the status of ${quote(name)} cannot be read: ${reading.why}`, nowMs);
  if (reading.value === null) return hold('host', `there is no host ${quote(name)} any more`);
  const { status } = reading.value;
  switch (status) {
    case 'online':
    case 'degraded':
      return null;
    case 'pending':
      return hold('host', `${quote(name)} has never reported: start its agent`);
    case 'offline':
      return hold('host', `${quote(name)} is offline: it follows when it is back`);
    case 'archived':
      return hold('host', `${quote(name)} is archived`);
    default:
      return assertNever(status);
  }
}
