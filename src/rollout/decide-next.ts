/**
 * What a rollout does next by itself. One call decides as far as what is known now allows; the holder applies the
 * entries and calls again until there are none. It looks at the candidates it is given, in their order, and at none
 * once something holds the whole rollout, so its cost is that of what changed (see `waiting-line.ts`).
 */

import { decideEnd } from './decide-end.ts';
import type { LaterEntry } from './evolve.ts';
import type { FleetView } from './fleet-view.ts';
import { type GateContext, gateContextOf, type Holding } from './gates/gate.ts';
import { holdOf, holdOfAll } from './gates/gates.ts';
import { judgePromotion } from './gates/promotion.ts';
import { bucketOf, isOffered } from './host-bucket.ts';
import { checkDispatch } from './invariants.ts';

export interface Planned {
  readonly entries: readonly LaterEntry[];
  /** Candidates that were looked at and must wait. */
  readonly holds: ReadonlyMap<string, Holding>;
  /** What holds the whole rollout, and so left the other candidates unseen. */
  readonly hold: Holding | null;
}

export function plan(
  rollout: GateContext['rollout'],
  fleet: FleetView,
  candidates: Iterable<string>,
  nowMs: number,
): Planned {
  const end = decideEnd(rollout);
  if (end !== null) return { entries: [end], holds: new Map(), hold: null };
  const scene = gateContextOf(rollout, fleet, nowMs);
  const hold = holdOfAll(scene, { places: false });
  if (hold !== null) return { entries: withdrawAll(rollout), holds: new Map(), hold };
  const dispatched = dispatch(scene, candidates);
  return dispatched.entries.length > 0 ? dispatched : promote(scene, dispatched);
}

function dispatch(scene: GateContext, candidates: Iterable<string>): Planned {
  const { rollout, fleet } = scene;
  const entries: LaterEntry[] = [];
  const holds = new Map<string, Holding>();
  let hold = holdOfAll(scene, { places: true });
  if (hold !== null) return { entries, holds, hold };
  for (const name of candidates) {
    const host = rollout.host(name);
    if (host === undefined || bucketOf(host) !== 'pending') continue;
    const holding = holdOf(scene, host);
    if (holding !== null) {
      holds.set(name, holding);
      continue;
    }
    const epoch = fleet.nextEpoch(rollout.plan.stack, name);
    checkDispatch(rollout.plan, host, epoch, fleet);
    entries.push({ kind: 'host_dispatched', host: name, epoch });
    scene.inFlight += 1;
    hold = holdOfAll(scene, { places: true });
    if (hold !== null) break;
  }
  return { entries, holds, hold };
}

function promote({ rollout, fleet }: GateContext, dispatched: Planned): Planned {
  const wave = rollout.progress.currentWave + 1;
  if (wave >= rollout.plan.waves.length) return dispatched;
  const promotion = judgePromotion(rollout, fleet);
  if (!promotion.ok) return dispatched;
  return { ...dispatched, entries: [{ kind: 'wave_promoted', wave, skipped: promotion.skipped }] };
}

function withdrawAll(rollout: GateContext['rollout']): LaterEntry[] {
  const entries: LaterEntry[] = [];
  for (const name of rollout.inFlight) {
    const host = rollout.host(name);
    if (host !== undefined && isOffered(host)) entries.push({ kind: 'dispatch_withdrawn', host: name });
  }
  return entries;
}
