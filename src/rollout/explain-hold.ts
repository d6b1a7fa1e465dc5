import type { Hold } from '../domain/rollout.ts';
import type { GateContext } from './gates/gate.ts';
import { holdOf } from './gates/gates.ts';
import { bucketOf } from './host-bucket.ts';

/**
 * Why a pending host is not dispatched, by the very gates that decide it; null when it is dispatched or through, or when
 * nothing holds it and the next plan will dispatch it. One scene serves a whole list of hosts.
 */
export function explainHold(scene: GateContext, name: string): Hold | null {
  const host = scene.rollout.host(name);
  if (host === undefined || bucketOf(host) !== 'pending') return null;
  const holding = holdOf(scene, host);
  return holding === null ? null : { gate: holding.gate, reason: holding.reason };
}
