/**
 * What one entry of the log makes of a rollout. The live server and the replay of its log both go through here, so the
 * stored rows are what the log says, byte for byte: every value is built by spreading the one before, which keeps the
 * order of its fields. An entry that is not legal here cannot have been logged: it stops the process.
 */
import { assertNever, invariant } from '../domain/errors.ts';
import type {
  RolloutEffect,
  RolloutEntry,
  RolloutHost,
  RolloutPlan,
  RolloutProgress,
  RolloutStatus,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { step } from './evolve-host.ts';
import { bucketOf, isExpected, isOffered } from './host-bucket.ts';
import { moveHost, NO_COUNTS, total } from './wave-counts.ts';

/** What has to be put away after an entry: both rows only when they are not the ones from before. */
export interface Change {
  readonly progress: RolloutProgress;
  /** The hosts that the entry changed, as they are now. */
  readonly hosts: readonly RolloutHost[];
  readonly effects: readonly RolloutEffect[];
}

export interface RolloutView {
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
  host(name: string): RolloutHost | undefined;
}

export type LaterEntry = Exclude<RolloutEntry, { readonly kind: 'rollout_created' }>;

/** The statuses that each entry may find; a rollout that is over still hears of its hosts. */
const LEGAL_IN = {
  rollout_paused: ['active'],
  rollout_resumed: ['paused'],
  rollout_aborted: ['active', 'paused'],
  rollout_superseded: ['active', 'paused'],
  rollout_halted: ['active', 'paused'],
  rollout_converged: ['active', 'paused'],
  wave_promoted: ['active'],
  host_dispatched: ['active'],
  dispatch_withdrawn: null,
  host_reported: null,
  telemetry_judged: null,
  host_left: null,
} as const satisfies Record<LaterEntry['kind'], readonly RolloutStatus[] | null>;

export function isLegalIn(status: RolloutStatus, kind: LaterEntry['kind']): boolean {
  const statuses: readonly RolloutStatus[] | null = LEGAL_IN[kind];
  return statuses === null || statuses.includes(status);
}

/** Neither converged nor given up: more may still be dispatched. */
export function isOpen(status: RolloutStatus): boolean {
  return status === 'active' || status === 'paused';
}

/** A rollout as its first entry makes it: everything is pending, and the first wave may begin. */
export function firstChange(plan: RolloutPlan, atMs: number): Change {
  const hosts = plan.waves.flatMap((names, wave) => names.map((name) => pendingHost(name, wave, atMs)));
  const waves = plan.waves.map((names) => ({ ...NO_COUNTS, pending: names.length }));
  return { progress: { status: 'active', statusSinceMs: atMs, reason: '', currentWave: 0, waves }, hosts, effects: [] };
}

function pendingHost(name: string, wave: number, atMs: number): RolloutHost {
  return {
    name,
    wave,
    state: 'pending',
    left: false,
    epoch: null,
    dispatchedAtMs: null,
    lastSeq: 0,
    stateSinceMs: atMs,
    previousRelease: null,
    soakDueAtMs: null,
    probes: [],
    telemetry: null,
    failure: null,
  };
}

/** `atMs` is the time of the entry, by the server's clock. Costs the same for ten hosts and for ten thousand. */
export function changeBy(rollout: RolloutView, entry: LaterEntry, atMs: number): Change {
  const { progress } = rollout;
  invariant(isLegalIn(progress.status, entry.kind), `no ${entry.kind} in a rollout that is ${progress.status}`);
  switch (entry.kind) {
    case 'rollout_paused':
      return endWith(progress, 'paused', 'paused by an operator', atMs);
    case 'rollout_resumed':
      return endWith(progress, 'active', '', atMs);
    case 'rollout_aborted':
      return endWith(progress, 'aborted', entry.reason, atMs);
    case 'rollout_superseded':
      return endWith(progress, 'superseded', `superseded by rollout ${entry.by}`, atMs);
    case 'rollout_converged':
      return endWith(progress, 'converged', '', atMs);
    case 'rollout_halted': {
      const effects = quarantineFor(hostOf(rollout, entry.host));
      return { ...endWith(progress, 'halted', entry.reason, atMs), effects };
    }
    case 'wave_promoted':
      return { progress: { ...progress, currentWave: entry.wave }, hosts: [], effects: [] };
    case 'host_dispatched': {
      const host = hostOf(rollout, entry.host);
      invariant(bucketOf(host) === 'pending', `${quote(host.name)} can be dispatched`);
      const offered = { ...host, epoch: entry.epoch, dispatchedAtMs: atMs };
      return { ...moveBetween(progress, host, offered), effects: [{ kind: 'offer', host: host.name }] };
    }
    case 'dispatch_withdrawn': {
      const host = hostOf(rollout, entry.host);
      invariant(isOffered(host), `there is an offer to withdraw from ${quote(host.name)}`);
      return moveBetween(progress, host, { ...host, epoch: null, dispatchedAtMs: null });
    }
    case 'host_reported':
      return report(rollout, hostOf(rollout, entry.host), entry, atMs);
    case 'telemetry_judged': {
      const host = hostOf(rollout, entry.host);
      invariant(host.state === 'soaking' && !host.left, `${quote(host.name)} is judged in its soak`);
      const regressed = entry.verdict.status === 'regressed' && host.telemetry?.status !== 'regressed';
      const judged = moveBetween(progress, host, { ...host, telemetry: entry.verdict });
      return regressed ? { ...judged, effects: [{ kind: 'tell_regression', host: host.name }] } : judged;
    }
    case 'host_left': {
      const host = hostOf(rollout, entry.host);
      invariant(isExpected(rollout.plan, host), `something is expected of ${quote(host.name)}`);
      return moveBetween(progress, host, { ...host, left: true });
    }
    default:
      return assertNever(entry);
  }
}

/**
 * A failure beyond the threshold quarantines the release. While the rollout is open its halt does that; after its end
 * (an operator aborted it, say) the failure itself does.
 */
function report(
  rollout: RolloutView,
  host: RolloutHost,
  entry: Extract<RolloutEntry, { readonly kind: 'host_reported' }>,
  atMs: number,
): Change {
  const stepped = step(host, entry.numbered, rollout.plan, atMs);
  invariant(stepped.ok, `a logged report is legal: ${stepped.ok ? '' : stepped.refusal}`);
  const change = moveBetween(rollout.progress, host, stepped.host);
  const failedNow = stepped.host.state === 'failed' && host.state !== 'failed';
  const beyond = total(change.progress.waves, 'failed') > rollout.plan.failureThreshold;
  const over = !isOpen(rollout.progress.status);
  return failedNow && beyond && over ? { ...change, effects: quarantineFor(stepped.host) } : change;
}

function quarantineFor(host: RolloutHost): RolloutEffect[] {
  invariant(host.failure !== null, `${quote(host.name)} has failed`);
  const { failingProbes, output } = host.failure;
  return [{ kind: 'quarantine', host: host.name, failingProbes, output }];
}

function endWith(progress: RolloutProgress, status: RolloutStatus, reason: string, atMs: number): Change {
  return { progress: { ...progress, status, statusSinceMs: atMs, reason }, hosts: [], effects: [] };
}

function moveBetween(progress: RolloutProgress, before: RolloutHost, after: RolloutHost): Change {
  const waves = moveHost(progress.waves, before.wave, bucketOf(before), bucketOf(after));
  return { progress: waves === progress.waves ? progress : { ...progress, waves }, hosts: [after], effects: [] };
}

function hostOf(rollout: RolloutView, name: string): RolloutHost {
  const host = rollout.host(name);
  invariant(host !== undefined, `${quote(name)} belongs to rollout ${rollout.plan.id}`);
  return host;
}
