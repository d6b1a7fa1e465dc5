/**
 * The gates that a dispatch must pass, in the order in which they are asked. An operator is shown the first one that
 * holds, so the order goes from what makes the others pointless to what passes without anyone's help:
 *
 * 1. the rollout dispatches nothing: it has ended, was replaced, or is paused;
 * 2. the release must not be dispatched any more;
 * 3. the host cannot be reached;
 * 4. another rollout is still changing the host, which may take any time;
 * 5. its turn has not come: its wave, then the hosts before it, then its maintenance window, and at last the time after
 *    which an agent that refused an offer is asked again;
 * 6. only a free place is missing: in a budget of its labels, then in flight. These gates are last because a host that
 *    waits for something else takes up no place, and must not be said to wait for one.
 *
 * An offer that has been made stands only while every gate but those for places would let it be made again.
 */
import type { RolloutHost } from '../../domain/rollout.ts';
import { bucketOf } from '../host-bucket.ts';
import { checkBudget } from './budget.ts';
import { type Gate, type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';
import { checkHost } from './host.ts';
import { checkMaintenanceWindow } from './maintenance-window.ts';
import { checkMaxInFlight } from './max-in-flight.ts';
import { checkOrdering } from './ordering.ts';
import { checkOtherRollout } from './other-rollout.ts';
import { checkQuarantine } from './quarantine.ts';
import { checkRefused } from './refused.ts';
import { checkStatus } from './status.ts';
import { checkSuperseded } from './superseded.ts';
import { checkWave } from './wave.ts';

const STANDING_GATES: readonly Gate[] = [
  { scope: 'rollout', check: checkSuperseded },
  { scope: 'rollout', check: checkStatus },
  { scope: 'rollout', check: checkQuarantine },
  { scope: 'host', check: checkHost },
  { scope: 'host', check: checkOtherRollout },
  { scope: 'host', check: checkWave },
  { scope: 'host', check: checkOrdering },
  { scope: 'host', check: checkMaintenanceWindow },
  { scope: 'host', check: checkRefused },
];

const GATES: readonly Gate[] = [
  ...STANDING_GATES,
  { scope: 'host', check: checkBudget },
  { scope: 'rollout', check: checkMaxInFlight },
];

function firstHold(gates: readonly Gate[], context: GateContext, host: RolloutHost): Holding | null {
  for (const gate of gates) {
    if (gate.scope === 'host') {
      const found = gate.check(context, host);
      if (found !== null) return found;
    } else {
      const hold = gate.check(context);
      if (hold !== null) return holding(hold);
    }
  }
  return null;
}

/** What keeps a pending host from being dispatched. */
export function holdOf(context: GateContext, host: RolloutHost): Holding | null {
  return firstHold(GATES, context, host);
}

/** What would hold an offer that has been made, if it were made now. */
export function holdOfOffer(context: GateContext, host: RolloutHost): Holding | null {
  return firstHold(STANDING_GATES, context, host);
}

/** What keeps every host from being dispatched; `withFreePlace`: a missing place in flight included. */
export function holdOfAll(context: GateContext, options: { readonly withFreePlace: boolean }): Hold | null {
  for (const gate of options.withFreePlace ? GATES : STANDING_GATES) {
    const hold = gate.scope === 'rollout' ? gate.check(context) : null;
    if (hold !== null) return hold;
  }
  return null;
}

/**
 * Why a pending host is not dispatched, by the same gates that decide it; null when it has been dispatched, or when
 * nothing holds it and it comes next. One context serves a whole list of hosts.
 */
export function findHold(context: GateContext, name: string): Hold | null {
  const host = context.rollout.host(name);
  if (host === undefined || bucketOf(host) !== 'pending') return null;
  return holdOf(context, host)?.hold ?? null;
}
