import { assertNever } from '../../domain/errors.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';

/** Only a host that reports is told anything: what cannot be seen cannot be judged in its soak. */
export function checkHost({ fleet }: GateContext, { name: host }: RolloutHost): Holding | null {
  const status = fleet.host(host)?.status ?? 'unknown';
  switch (status) {
    case 'online':
    case 'degraded':
      return null;
    case 'pending':
      return holding({ gate: 'host', kind: 'never_reported', host });
    case 'offline':
    case 'archived':
    case 'unknown':
      return holding({ gate: 'host', kind: status, host });
    default:
      return assertNever(status);
  }
}
