/** Decides what a change to a host (archived, offline, relabelled, finished by another rollout) means for its rollout. */
import type { FleetView } from './fleet-view.ts';
import { gateContextOf } from './gates/gate-context.ts';
import { holdOfOffer } from './gates/gates.ts';
import { isExpected, isOffered } from './host-bucket.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';

/**
 * An archived host leaves. An offer that has not been acknowledged is withdrawn when it would not be made any more: its
 * acknowledgement is refused from then on, so the agent cannot act on it, and a host that went offline delays no other.
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
