/**
 * What must never be otherwise. Every applied entry is checked against these at a cost that does not depend on the size
 * of the fleet; `test/rollout/check-whole` reads everything, for tests and simulations.
 */
import { invariant } from '../domain/errors.ts';
import type { HostState, RolloutHost, RolloutPlan, RolloutProgress } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import type { Change } from './evolve.ts';
import type { FleetView } from './fleet-view.ts';
import { failingEnforced } from './probe-records.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { sizeOf, total } from './wave-counts.ts';

const INVARIANTS = {
  I1: 'a wave begins only when the one before it has converged wherever it is live, and no host is dispatched earlier',
  I2: 'no more hosts are in flight than max_in_flight',
  I3: 'failures beyond the threshold end the rollout with the very next entry',
  I4: 'terminal states are never left',
  I5: 'one open rollout, and one in whose hands it is, per stack and host',
  I6: 'a quarantined release is never dispatched',
  I7: 'a host soaks and converges on the target only, and converges only once nothing speaks against it',
  I8: 'the counts are those of the hosts',
} as const;

type Code = keyof typeof INVARIANTS;

/** The words are made only for a condition that does not hold: every entry is checked, and none should ever fail. */
function hold(code: Code, condition: boolean, detail: () => string): void {
  if (!condition) invariant(false, `${code} (${INVARIANTS[code]}): ${detail()}`);
}

/** Checks one entry's change against what was there `before` it. */
export function checkChange(before: RolloutState, entry: LaterEntry, change: Change, atMs: number): void {
  const { plan } = before;
  checkProgress(plan, before.progress, entry, change.progress);
  for (const host of change.hosts) {
    const was = before.host(host.name);
    hold('I8', was !== undefined && was.wave === host.wave, () => `${quote(host.name)} is not of this rollout`);
    if (was === undefined) continue;
    checkTerminal(was, host);
    if (host.epoch !== null && was.epoch === null) {
      hold(
        'I1',
        host.wave <= before.progress.currentWave,
        () => `${quote(host.name)} of wave ${host.wave} is dispatched`,
      );
      hold('I4', before.progress.status === 'active', () => `a rollout that is ${before.progress.status} dispatches`);
    }
    if (host.state !== was.state) checkArrival(plan, host, entry, atMs);
  }
}

function checkProgress(plan: RolloutPlan, before: RolloutProgress, entry: LaterEntry, after: RolloutProgress): void {
  if (!isOpen(before.status))
    hold('I4', after.status === before.status, () => `${before.status} became ${after.status}`);
  if (isOpen(before.status) && total(before.waves, 'failed') > plan.failureThreshold) {
    hold('I3', !isOpen(after.status), () => `${entry.kind} came with ${total(before.waves, 'failed')} failed`);
  }
  hold(
    'I2',
    total(after.waves, 'inFlight') <= plan.maxInFlight,
    () => `${total(after.waves, 'inFlight')} are in flight`,
  );
  for (const [index, counts] of after.waves.entries()) {
    const { pending, inFlight, converged, failed, left } = counts;
    const intact = Math.min(pending, inFlight, converged, failed, left) >= 0;
    hold(
      'I8',
      intact && sizeOf(counts) === plan.waves[index]?.length,
      () => `wave ${index}: ${JSON.stringify(counts)}`,
    );
  }
  if (entry.kind === 'wave_promoted') checkPromotion(before, entry.wave, entry.skipped);
  else hold('I1', after.currentWave === before.currentWave, () => `${entry.kind} moved the wave`);
}

function checkPromotion(before: RolloutProgress, wave: number, skipped: readonly string[]): void {
  const counts = before.waves[before.currentWave];
  hold('I1', wave === before.currentWave + 1 && before.waves[wave] !== undefined, () => `wave ${wave} is not the next`);
  if (counts === undefined) return;
  const nobodyStayed = counts.left === sizeOf(counts);
  hold('I1', total(before.waves, 'inFlight') === 0, () => `wave ${wave} begins with hosts in flight`);
  hold('I1', counts.converged > 0 || nobodyStayed, () => `wave ${wave} begins with nothing converged`);
  hold('I1', skipped.length === counts.pending, () => `${counts.pending} are pending, ${skipped.length} are named`);
}

const MAY_FOLLOW = {
  converged: [],
  reverted: [],
  failed: ['reverted'],
} as const satisfies Partial<Record<HostState, readonly HostState[]>>;

function checkTerminal(was: RolloutHost, host: RolloutHost): void {
  hold('I4', !was.left || host.left, () => `${quote(host.name)} came back after it had left`);
  if (was.state === host.state || !(was.state in MAY_FOLLOW)) return;
  const next: readonly HostState[] = MAY_FOLLOW[was.state as keyof typeof MAY_FOLLOW];
  hold('I4', next.includes(host.state), () => `${quote(host.name)} went from ${was.state} to ${host.state}`);
}

/** Looks at the event itself, and not at what the guards made of it. */
function checkArrival(plan: RolloutPlan, host: RolloutHost, entry: LaterEntry, atMs: number): void {
  const event = entry.kind === 'host_reported' ? entry.numbered.event : null;
  if (host.state === 'activating') hold('I7', host.epoch !== null, () => `${quote(host.name)} acts without an offer`);
  if (host.state === 'soaking') {
    const onTarget = event?.type === 'activation_completed' && event.observedRelease === plan.release;
    hold('I7', onTarget && host.soakDueAtMs !== null, () => `${quote(host.name)} soaks on something else`);
  }
  if (host.state !== 'converged') return;
  const onTarget = event?.type === 'converged' && event.currentRelease === plan.release;
  const due = host.soakDueAtMs !== null && atMs >= host.soakDueAtMs;
  const quiet = host.telemetry?.status !== 'watch' && host.telemetry?.status !== 'regressed';
  hold('I7', onTarget && due, () => `${quote(host.name)} converged on something else, or early`);
  hold(
    'I7',
    quiet && failingEnforced(host.probes).length === 0,
    () => `${quote(host.name)} converged while it was failing`,
  );
}

/** Asked once more when every gate has opened: a gate that was left out must not pass in silence. */
export function checkDispatch(plan: RolloutPlan, host: RolloutHost, epoch: number, fleet: FleetView): void {
  const quarantine = fleet.quarantine(plan.stack, plan.release);
  hold('I6', quarantine === null, () => `${plan.release} is dispatched to ${quote(host.name)}`);
  const occupant = fleet.occupant(plan.stack, host.name, plan.id);
  hold('I5', occupant === null, () => `${quote(host.name)} is dispatched twice at once`);
  hold('I4', Number.isSafeInteger(epoch) && epoch >= 1, () => `epoch ${epoch} of ${quote(host.name)}`);
}

/** I5, when a rollout is created: whatever it overlaps must have been superseded before. */
export function checkOnlyOpen(created: RolloutState, others: Iterable<RolloutState>): void {
  for (const other of others) {
    if (other.plan.id === created.plan.id || other.plan.stack !== created.plan.stack) continue;
    if (!isOpen(other.progress.status)) continue;
    const shared = created.plan.waves.flat().find((name) => other.host(name)?.left === false);
    hold(
      'I5',
      shared === undefined,
      () => `rollouts ${created.plan.id} and ${other.plan.id} share ${quote(shared ?? '')}`,
    );
  }
}
