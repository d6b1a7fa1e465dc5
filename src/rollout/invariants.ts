/**
 * What must always hold. Every entry that is applied is checked, at a cost that does not depend on the size of the
 * fleet; `test/rollout/check-whole` counts everything again, for tests and simulations.
 */
import { budgetName, isOfBudget } from '../domain/budget.ts';
import { invariant } from '../domain/errors.ts';
import type { HostState, RolloutHost, RolloutPlan, RolloutProgress } from '../domain/rollout.ts';
import { plural, quote } from '../domain/words.ts';
import type { Change } from './evolve.ts';
import type { FleetView } from './fleet-view.ts';
import { failingEnforced } from './probe-records.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { sizeOf, total } from './wave-counts.ts';

const INVARIANTS = {
  I1: 'a wave begins only after every live host of the wave before has converged, and no host goes before its wave',
  I2: 'at most max_in_flight hosts are in flight',
  I3: 'once failures exceed the threshold, the next entry ends the rollout',
  I4: 'terminal states are never left',
  I5: 'a stack on a host has at most one open rollout, and at most one rollout that is changing it',
  I6: 'a quarantined release is never dispatched',
  I7: 'a host soaks and converges only on the release of the rollout, and converges only when no check fails',
  I8: 'the counts of each wave match its hosts',
  I9: 'no dispatch makes more hosts of a label change than its budget allows',
} as const;

type Code = keyof typeof INVARIANTS;

/** The sentence is put together only for a broken condition: every entry is checked, and none should ever fail. */
function check(code: Code, condition: boolean, detail: () => string): void {
  if (!condition) invariant(false, `${code} (${INVARIANTS[code]}): ${detail()}`);
}

/** Checks what one entry changed, `before` being the rollout without it. */
export function checkChange(before: RolloutState, entry: LaterEntry, change: Change, atMs: number): void {
  const { plan } = before;
  checkProgress(plan, before.progress, entry, change.progress);
  for (const host of change.hosts) {
    const was = before.host(host.name);
    check(
      'I8',
      was !== undefined && was.wave === host.wave,
      () => `${quote(host.name)} does not belong to this rollout`,
    );
    if (was === undefined) continue;
    checkTerminal(was, host);
    if (host.epoch !== null && was.epoch === null) {
      check(
        'I1',
        host.wave <= before.progress.currentWave,
        () => `${quote(host.name)} of wave ${host.wave} is dispatched too early`,
      );
      check(
        'I4',
        before.progress.status === 'active',
        () => `a rollout that is ${before.progress.status} dispatches a host`,
      );
    }
    if (host.state !== was.state) checkArrival(plan, host, entry, atMs);
  }
}

function checkProgress(plan: RolloutPlan, before: RolloutProgress, entry: LaterEntry, after: RolloutProgress): void {
  if (!isOpen(before.status))
    check('I4', after.status === before.status, () => `${before.status} became ${after.status}`);
  if (isOpen(before.status) && total(before.waves, 'failed') > plan.failureThreshold) {
    check('I3', !isOpen(after.status), () => `${entry.kind} came after ${total(before.waves, 'failed')} failures`);
  }
  check(
    'I2',
    total(after.waves, 'inFlight') <= plan.maxInFlight,
    () => `${total(after.waves, 'inFlight')} are in flight`,
  );
  for (const [index, counts] of after.waves.entries()) {
    const { pending, inFlight, converged, failed, left } = counts;
    const intact = Math.min(pending, inFlight, converged, failed, left) >= 0;
    check(
      'I8',
      intact && sizeOf(counts) === plan.waves[index]?.length,
      () => `wave ${index}: ${JSON.stringify(counts)}`,
    );
  }
  if (entry.kind === 'wave_promoted') checkPromotion(before, entry.wave, entry.skipped);
  else check('I1', after.currentWave === before.currentWave, () => `${entry.kind} changed the current wave`);
}

function checkPromotion(before: RolloutProgress, wave: number, skipped: readonly string[]): void {
  const counts = before.waves[before.currentWave];
  check(
    'I1',
    wave === before.currentWave + 1 && before.waves[wave] !== undefined,
    () => `wave ${wave} is not the next`,
  );
  if (counts === undefined) return;
  const allLeft = counts.left === sizeOf(counts);
  check('I1', total(before.waves, 'inFlight') === 0, () => `wave ${wave} begins with hosts in flight`);
  check('I1', counts.converged > 0 || allLeft, () => `wave ${wave} begins with no host converged`);
  check(
    'I1',
    skipped.length === counts.pending,
    () => `${plural(counts.pending, 'pending host')}, ${skipped.length} named`,
  );
}

const MAY_FOLLOW = {
  converged: [],
  reverted: [],
  failed: ['reverted'],
} as const satisfies Partial<Record<HostState, readonly HostState[]>>;

function checkTerminal(was: RolloutHost, host: RolloutHost): void {
  check('I4', !was.left || host.left, () => `${quote(host.name)} came back after it had left`);
  if (was.state === host.state || !(was.state in MAY_FOLLOW)) return;
  const next: readonly HostState[] = MAY_FOLLOW[was.state as keyof typeof MAY_FOLLOW];
  check('I4', next.includes(host.state), () => `${quote(host.name)} went from ${was.state} to ${host.state}`);
}

/** Looks at the event itself, so that a guard which let it pass by mistake is noticed. */
function checkArrival(plan: RolloutPlan, host: RolloutHost, entry: LaterEntry, atMs: number): void {
  const event = entry.kind === 'host_reported' ? entry.numbered.event : null;
  if (host.state === 'activating') check('I7', host.epoch !== null, () => `${quote(host.name)} acts without an offer`);
  if (host.state === 'soaking') {
    const onTarget = event?.type === 'activation_completed' && event.observedRelease === plan.release;
    check('I7', onTarget && host.soakDueAtMs !== null, () => `${quote(host.name)} soaks on another release`);
  }
  if (host.state !== 'converged') return;
  const onTarget = event?.type === 'converged' && event.currentRelease === plan.release;
  const due = host.soakDueAtMs !== null && atMs >= host.soakDueAtMs;
  const isQuiet = host.telemetry?.status !== 'watch' && host.telemetry?.status !== 'regressed';
  check('I7', onTarget && due, () => `${quote(host.name)} converged on another release, or too early`);
  check(
    'I7',
    isQuiet && failingEnforced(host.probes).length === 0,
    () => `${quote(host.name)} converged while a check was failing`,
  );
}

/** Checks a host that every gate let pass: a gate that was left out must not go unnoticed. */
export function checkDispatch(plan: RolloutPlan, host: RolloutHost, epoch: number, fleet: FleetView): void {
  const quarantine = fleet.quarantine(plan.stack, plan.release);
  check('I6', quarantine === null, () => `${plan.release} is dispatched to ${quote(host.name)}`);
  const occupant = fleet.occupant(plan.stack, host.name, plan.id);
  check('I5', occupant === null, () => `${quote(host.name)} is dispatched by two rollouts at once`);
  check(
    'I4',
    Number.isSafeInteger(epoch) && epoch >= 1,
    () => `epoch ${epoch} of ${quote(host.name)} is not a positive whole number`,
  );
}

/** Checks a dispatch, before it is applied, against what every rollout is changing by then. */
export function checkBudgets(fleet: FleetView, name: string): void {
  for (const budget of fleet.budgets()) {
    const isOf = (host: string): boolean => isOfBudget(budget, fleet.host(host)?.labels ?? {});
    if (!isOf(name)) continue;
    const changing = new Set(fleet.changing());
    if (changing.has(name)) return;
    const count = [...changing].filter(isOf).length;
    check('I9', count < budget.maxInFlight, () => `${quote(name)} is one more than ${budgetName(budget)} allows`);
  }
}

/** I5 when a rollout is created: every open rollout that it overlaps must have been superseded before. */
export function checkOnlyOpen(created: RolloutState, others: Iterable<RolloutState>): void {
  for (const other of others) {
    if (other.plan.id === created.plan.id || other.plan.stack !== created.plan.stack) continue;
    if (!isOpen(other.progress.status)) continue;
    const shared = created.plan.waves.flat().find((name) => other.host(name)?.left === false);
    check(
      'I5',
      shared === undefined,
      () => `rollouts ${created.plan.id} and ${other.plan.id} share ${quote(shared ?? '')}`,
    );
  }
}
