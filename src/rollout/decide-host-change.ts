/** Decides what a change to a host (archived, offline, relabelled, let go of by another rollout) means for its rollout. */
import type { FleetView } from './fleet-view.ts';
import { gateContextOf } from './gates/gate-context.ts';
import { holdOfOffer } from './gates/gates.ts';
import { isExpected, isOffered } from './host-bucket.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';

/**
 * An archived host has left. An offer that nobody took is withdrawn when it would not be made any more: its agent cannot
 * act on it, since the acknowledgement is refused from then on, and a host that went offline so holds nobody up.
 */
export function decideHostChange(rollout: RolloutState, fleet: FleetView, name: string, nowMs: number): LaterEntry[] {
  const host = rollout.host(name);
  if (host === undefined) return [];
  if (fleet.host(name)?.status === 'archived') {
    return isExpected(rollout.plan, host) ? [{ kind: 'host_left', host: name }] : [];
  }
  if (!isOffered(host) || holdOfOffer(gateContextOf(rollout, fleet, nowMs), host) === null) return [];
  return [{ kind: 'dispatch_withdrawn', host: name }];
}
