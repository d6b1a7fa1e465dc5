import { assertNever } from '../../domain/errors.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** Only a host that reports is told anything: what cannot be seen cannot be judged in its soak. */
export function checkHost({ fleet }: GateContext, { name }: RolloutHost): Holding | null {
  const host = fleet.host(name);
  if (host === null) return hold('host', `there is no host ${quote(name)} any more`);
  const { status } = host;
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
