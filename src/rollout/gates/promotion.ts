/**
 * Decides whether the next wave may begin. It may when at least one host of the current wave has converged, no host is
 * in flight (of this wave or an earlier one, online or not), and no pending host of this wave is live. Pending hosts
 * that are not live are `skipped`: they are dispatched when they are back.
 *
 * A wave in which no host has converged proves nothing, so an offline canary holds the fleet. Only a wave whose hosts
 * have all left (they were archived) is passed, because there is no host to wait for.
 */

import { type FleetView, isLive } from '../fleet-view.ts';
import type { RolloutState } from '../rollout-state.ts';
import { sizeOf } from '../wave-counts.ts';
import type { PromotionBlock } from './hold.ts';

export type Promotion =
  | { readonly ok: true; readonly skipped: readonly string[] }
  | { readonly ok: false; readonly blockedBy: PromotionBlock };

export function decidePromotion(rollout: RolloutState, fleet: FleetView): Promotion {
  const { currentWave, waves } = rollout.progress;
  const counts = waves[currentWave];
  if (counts === undefined) return refuse({ kind: 'no_such_wave' });
  if (rollout.inFlight.size > 0) return refuse(nameInFlight(rollout, fleet));
  if (counts.left === sizeOf(counts)) return { ok: true, skipped: [] };
  if (counts.converged === 0) return refuse({ kind: 'none_converged' });
  const pending = rollout.pending[currentWave] ?? new Set<string>();
  for (const name of pending) {
    const host = fleet.host(name);
    if (host !== null && isLive(host.status)) return refuse({ kind: 'host_pending', host: name });
  }
  return { ok: true, skipped: [...pending] };
}

/** Hosts in flight that are looked at to find one that is offline. */
const MAX_LOOKED_AT = 64;

/** Names the host that most needs to be known: one that is offline keeps the others waiting for longest. */
function nameInFlight(rollout: RolloutState, fleet: FleetView): PromotionBlock {
  const names = [...rollout.inFlight].slice(0, MAX_LOOKED_AT);
  const offline = names.find((name) => fleet.host(name)?.status === 'offline');
  const host = offline ?? names[0] ?? '';
  const state = rollout.host(host)?.state ?? 'pending';
  const offlineSinceMs = offline === undefined ? null : (fleet.host(offline)?.lastSeenAtMs ?? null);
  return { kind: 'in_flight', host, state, offlineSinceMs, others: rollout.inFlight.size - 1 };
}

function refuse(blockedBy: PromotionBlock): Promotion {
  return { ok: false, blockedBy };
}
