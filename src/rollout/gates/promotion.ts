/**
 * May the next wave begin? It may when at least one host of the current wave has converged, nothing is in flight (of
 * this wave or an earlier one, online or not), and whatever is still pending in this wave is not live.
 * Those are `skipped`: their wave was promoted, so they follow when they are back.
 *
 * A wave where nothing has converged proves nothing: a canary that is offline holds the fleet. Only a wave that
 * everybody has left (archived) is passed, since there is nobody left to wait for.
 */

import { type FleetView, isLive } from '../fleet-view.ts';
import type { RolloutState } from '../rollout-state.ts';
import { sizeOf } from '../wave-counts.ts';
import type { WaveBlock } from './hold.ts';

export type Promotion =
  | { readonly ok: true; readonly skipped: readonly string[] }
  | { readonly ok: false; readonly blockedBy: WaveBlock };

export function decidePromotion(rollout: RolloutState, fleet: FleetView): Promotion {
  const { currentWave, waves } = rollout.progress;
  const counts = waves[currentWave];
  if (counts === undefined) return refuse({ kind: 'no_such_wave' });
  const [first] = rollout.inFlight;
  if (first !== undefined) {
    const state = rollout.host(first)?.state ?? 'pending';
    return refuse({ kind: 'in_flight', host: first, state, others: rollout.inFlight.size - 1 });
  }
  if (counts.left === sizeOf(counts)) return { ok: true, skipped: [] };
  if (counts.converged === 0) return refuse({ kind: 'none_converged' });
  const pending = rollout.pending[currentWave] ?? new Set<string>();
  for (const name of pending) {
    const host = fleet.host(name);
    if (host !== null && isLive(host.status)) return refuse({ kind: 'host_pending', host: name });
  }
  return { ok: true, skipped: [...pending] };
}

function refuse(blockedBy: WaveBlock): Promotion {
  return { ok: false, blockedBy };
}
