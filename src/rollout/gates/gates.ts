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
import type { Gate, GateContext, Holding } from './gate.ts';
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

function firstHold(gates: readonly Gate[], scene: GateContext, host: RolloutHost): Holding | null {
  for (const gate of gates) {
    const holding = gate.scope === 'rollout' ? gate.check(scene) : gate.check(scene, host);
    if (holding !== null) return holding;
  }
  return null;
}

/** What keeps a pending host from being dispatched. */
export function holdOf(scene: GateContext, host: RolloutHost): Holding | null {
  return firstHold(GATES, scene, host);
}

/** What an offer that is out would meet if it were made now. */
export function holdOfOffer(scene: GateContext, host: RolloutHost): Holding | null {
  return firstHold(STANDING_GATES, scene, host);
}

/** What keeps every host from being dispatched; `places` leaves out whether one is free. */
export function holdOfAll(scene: GateContext, options: { readonly places: boolean }): Holding | null {
  for (const gate of options.places ? GATES : STANDING_GATES) {
    const holding = gate.scope === 'rollout' ? gate.check(scene) : null;
    if (holding !== null) return holding;
  }
  return null;
}
