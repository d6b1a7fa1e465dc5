import { assertNever } from '../../domain/errors.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';

/** A host must report: what the server cannot see, it cannot judge during the soak. */
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
