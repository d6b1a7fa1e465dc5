/** Decides what a change to a host (archived, offline, back, relabelled, finished by another rollout) means for its rollout. */
import type { RolloutHost, RolloutPlan } from '../domain/rollout.ts';
import { decideHalt } from './decide-end.ts';
import { type FleetHost, type FleetView, isLive } from './fleet-view.ts';
import { gateContextOf } from './gates/gate-context.ts';
import { holdOfOffer } from './gates/gates.ts';
import { bucketOf, isExpected, isOffered } from './host-bucket.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';

/**
 * An archived host leaves. An offer that has not been acknowledged is withdrawn when it would not be made any more: its
 * acknowledgement is refused from then on, so the agent cannot act on it, and a host that went offline delays no other.
 * A host that is on its way and has been silent for too long is lost.
 */
export function decideHostChange(rollout: RolloutState, fleet: FleetView, name: string, nowMs: number): LaterEntry[] {
  const host = rollout.host(name);
  const known = fleet.host(name);
  if (host === undefined || known === null) return [];
  if (known.status === 'archived') return isExpected(rollout.plan, host) ? [{ kind: 'host_left', host: name }] : [];
  if (isOffered(host)) {
    const stands = holdOfOffer(gateContextOf(rollout, fleet, nowMs), host) === null;
    return stands ? [] : [{ kind: 'dispatch_withdrawn', host: name }];
  }
  if (bucketOf(host) === 'inFlight' && host.lost !== null && isLive(known.status)) {
    return [{ kind: 'host_returned', host: name }];
  }
  return isNewlyLost(rollout.plan, host, known, nowMs) ? lose(rollout, host, known) : [];
}

/**
 * Whether a host that has taken its offer up has been offline for longer than its activation may take, and is not known
 * to be lost yet. Time alone makes it so.
 */
export function isNewlyLost({ policy }: RolloutPlan, host: RolloutHost, known: FleetHost, nowMs: number): boolean {
  if (known.status !== 'offline' || host.lost !== null) return false;
  if (bucketOf(host) !== 'inFlight' || isOffered(host)) return false;
  return nowMs - known.silentSinceMs >= policy.activationTimeoutSeconds * 1000;
}

function lose(rollout: RolloutState, host: RolloutHost, { lastSeenAtMs }: FleetHost): LaterEntry[] {
  const { name, stateSinceMs } = host;
  const sinceMs = lastSeenAtMs ?? stateSinceMs;
  if (rollout.plan.policy.onLostHost === 'hold') return [{ kind: 'rollout_stalled', host: name, sinceMs }];
  const lost: LaterEntry = { kind: 'host_lost', host: name, sinceMs };
  const halt = decideHalt(rollout, host, { trouble: 'lost', failingProbes: [] });
  return halt === null ? [lost] : [lost, halt];
}
