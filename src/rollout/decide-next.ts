/**
 * Decides what a rollout does next without being asked. The caller applies the entries and calls again until there are
 * none. Candidates are looked at in their order, and none once something holds the whole rollout, so a call costs what
 * changed and not what there is (see `pending-hosts`).
 */
import { decideEnd } from './decide-end.ts';
import type { FleetView } from './fleet-view.ts';
import { takePlaces } from './gates/budget.ts';
import type { Holding } from './gates/gate.ts';
import { type GateContext, gateContextOf } from './gates/gate-context.ts';
import { holdOf, holdOfAll } from './gates/gates.ts';
import { decidePromotion } from './gates/promotion.ts';
import { bucketOf, isOffered } from './host-bucket.ts';
import { checkDispatch } from './invariants.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';

export interface NextStep {
  readonly entries: readonly LaterEntry[];
  /** What holds each candidate that was looked at and must wait. */
  readonly holds: ReadonlyMap<string, Holding>;
}

export function decideNext(
  rollout: RolloutState,
  fleet: FleetView,
  candidates: Iterable<string>,
  nowMs: number,
): NextStep {
  const end = decideEnd(rollout);
  if (end !== null) return { entries: [end], holds: new Map() };
  const context = gateContextOf(rollout, fleet, nowMs);
  if (holdOfAll(context, { withFreePlace: false }) !== null) return { entries: withdrawAll(rollout), holds: new Map() };
  const dispatched = dispatch(context, candidates);
  return dispatched.entries.length > 0 ? dispatched : { ...dispatched, entries: promote(context) };
}

function dispatch(context: GateContext, candidates: Iterable<string>): NextStep {
  const { rollout, fleet } = context;
  const entries: LaterEntry[] = [];
  const holds = new Map<string, Holding>();
  if (holdOfAll(context, { withFreePlace: true }) !== null) return { entries, holds };
  for (const name of candidates) {
    const host = rollout.host(name);
    if (host === undefined || bucketOf(host) !== 'pending') continue;
    const holding = holdOf(context, host);
    if (holding !== null) {
      holds.set(name, holding);
      continue;
    }
    const epoch = fleet.nextEpoch(rollout.plan.stack, name);
    checkDispatch(rollout.plan, host, epoch, fleet);
    entries.push({ kind: 'host_dispatched', host: name, epoch });
    context.inFlight += 1;
    takePlaces(context, name);
    if (holdOfAll(context, { withFreePlace: true }) !== null) break;
  }
  return { entries, holds };
}

function promote({ rollout, fleet }: GateContext): LaterEntry[] {
  const wave = rollout.progress.currentWave + 1;
  if (wave >= rollout.plan.waves.length) return [];
  const promotion = decidePromotion(rollout, fleet);
  return promotion.ok ? [{ kind: 'wave_promoted', wave, skipped: promotion.skipped }] : [];
}

function withdrawAll(rollout: RolloutState): LaterEntry[] {
  const entries: LaterEntry[] = [];
  for (const name of rollout.inFlight) {
    const host = rollout.host(name);
    if (host !== undefined && isOffered(host)) entries.push({ kind: 'dispatch_withdrawn', host: name });
  }
  return entries;
}
