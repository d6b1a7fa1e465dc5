/** What news about one host from outside its rollout come to. */
import type { LaterEntry } from './evolve.ts';
import type { FleetView } from './fleet-view.ts';
import { type GateContext, gateContextOf } from './gates/gate.ts';
import { holdOfOffer } from './gates/gates.ts';
import { isExpected, isOffered } from './host-bucket.ts';

/**
 * Its status or its labels changed, or another rollout let go of it. An archived host has left. An offer that nobody
 * took is withdrawn when it would not be made any more: its agent cannot act on it, since the acknowledgement is refused
 * from then on, and a host that went offline so holds nobody up.
 */
export function reconsider(
  rollout: GateContext['rollout'],
  fleet: FleetView,
  name: string,
  nowMs: number,
): LaterEntry[] {
  if (fleet.host(name)?.status === 'archived') return leave(rollout, name);
  const host = rollout.host(name);
  if (host === undefined || !isOffered(host)) return [];
  const holding = holdOfOffer(gateContextOf(rollout, fleet, nowMs), host);
  return holding === null ? [] : [{ kind: 'dispatch_withdrawn', host: name }];
}

function leave(rollout: GateContext['rollout'], name: string): LaterEntry[] {
  const host = rollout.host(name);
  return host !== undefined && isExpected(rollout.plan, host) ? [{ kind: 'host_left', host: name }] : [];
}
