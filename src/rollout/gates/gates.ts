/**
 * The gates of a dispatch, in the order they are asked; the first that holds is the one an operator reads of. So the
 * order goes from what makes the others pointless to what passes by itself:
 *
 * 1. the rollout does not dispatch at all: it is over, replaced, or paused;
 * 2. its release must run nowhere any more;
 * 3. the host is not there to be told, whatever else is true of it;
 * 4. somebody else is at work on it, and may take any time;
 * 5. its turn has not come: first by waves, then by order among hosts that are allowed, then by the clock;
 * 6. everything is right, and only a place in flight is missing. Last, because a host that waits for something else
 *    takes nobody's place and must not be said to wait for one.
 *
 * An offer that is out stands only while every gate but that last one would let it be made again.
 */
import type { RolloutHost } from '../../domain/rollout.ts';
import { bucketOf } from '../host-bucket.ts';
import { type Gate, type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';
import { checkHost } from './host.ts';
import { checkMaintenanceWindow } from './maintenance-window.ts';
import { checkMaxInFlight } from './max-in-flight.ts';
import { checkOrdering } from './ordering.ts';
import { checkOtherRollout } from './other-rollout.ts';
import { checkQuarantine } from './quarantine.ts';
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
];

const GATES: readonly Gate[] = [...STANDING_GATES, { scope: 'rollout', check: checkMaxInFlight }];

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

/** What an offer that is out would meet if it were made now. */
export function holdOfOffer(context: GateContext, host: RolloutHost): Holding | null {
  return firstHold(STANDING_GATES, context, host);
}

/** What keeps every host from being dispatched; `places` leaves out whether one is free. */
export function holdOfAll(context: GateContext, options: { readonly places: boolean }): Hold | null {
  for (const gate of options.places ? GATES : STANDING_GATES) {
    const hold = gate.scope === 'rollout' ? gate.check(context) : null;
    if (hold !== null) return hold;
  }
  return null;
}

/**
 * Why a pending host is not dispatched, by the very gates that decide it; null when it is dispatched or through, or when
 * nothing holds it and it will be dispatched next. One context serves a whole list of hosts.
 */
export function findHold(context: GateContext, name: string): Hold | null {
  const host = context.rollout.host(name);
  if (host === undefined || bucketOf(host) !== 'pending') return null;
  return holdOf(context, host)?.hold ?? null;
}
