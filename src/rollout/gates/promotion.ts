/**
 * May the next wave begin? It may when at least one host of the current wave has converged, nothing is in flight (of
 * this wave or an earlier one, online or not), and whatever is still pending in this wave is not live.
 * Those are `skipped`: their wave was promoted, so they follow when they are back.
 *
 * A wave where nothing has converged proves nothing: a canary that is offline holds the fleet. Only a wave that
 * everybody has left (archived) is passed, since there is nobody left to wait for.
 */

import { plural, quote } from '../../domain/words.ts';
import type { FleetView } from '../fleet-view.ts';
import { isLive } from '../fleet-view.ts';
import { sizeOf } from '../wave-counts.ts';
import type { GateContext } from './gate.ts';

export type Promotion =
  | { readonly ok: true; readonly skipped: readonly string[] }
  /** `reason` completes 'the wave is not through: …'. */
  | { readonly ok: false; readonly reason: string };

export function judgePromotion(rollout: GateContext['rollout'], fleet: FleetView): Promotion {
  const { currentWave, waves } = rollout.progress;
  const counts = waves[currentWave];
  if (counts === undefined) return refuse('there is no such wave');
  const [first] = rollout.inFlight;
  if (first !== undefined) {
    const state = rollout.host(first)?.state ?? 'in flight';
    const others = rollout.inFlight.size - 1;
    const more = others === 0 ? '' : `, and ${plural(others, 'more host')} in flight`;
    return refuse(`${quote(first)} is ${state === 'pending' ? 'dispatched' : state}${more}`);
  }
  if (counts.left === sizeOf(counts)) return { ok: true, skipped: [] };
  if (counts.converged === 0) return refuse('none of its hosts has converged');
  const pending = rollout.pending[currentWave] ?? new Set<string>();
  for (const name of pending) {
    const host = fleet.host(name);
    if (host !== null && isLive(host.status)) {
      return refuse(`${quote(name)} is still to be updated`);
    }
  }
  return { ok: true, skipped: [...pending] };
}

function refuse(reason: string): Promotion {
  return { ok: false, reason };
}
