/**
 * Folds the entries of the log into a rollout. The live server and the replay of its log both use this, so the stored
 * rows are what the log says, byte for byte: every value is built by spreading the one before, which keeps the order of
 * its fields, and sentences that are part of a row never change. Nothing is decided here: an entry that does not fit
 * the state it finds cannot have been logged, and stops the process.
 */
import { assertNever, invariant } from '../domain/errors.ts';
import {
  type RolloutEffect,
  type RolloutEntry,
  type RolloutHost,
  type RolloutPlan,
  type RolloutProgress,
  type RolloutStatus,
  soakSecondsOf,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { evolveHost, evolveLoss } from './evolve-host.ts';
import { bucketOf, isExpected, isOffered } from './host-bucket.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { isTakenIn } from './transitions.ts';
import { moveHost, NO_COUNTS, total } from './wave-counts.ts';
import { hasWitness } from './witness.ts';

/** What an entry changes. What it does not change is the same object as before. */
export interface Change {
  readonly progress: RolloutProgress;
  /** Only the hosts that the entry changed. */
  readonly hosts: readonly RolloutHost[];
  readonly effects: readonly RolloutEffect[];
}

/** What folding an entry reads of a rollout. */
type Evolving = Pick<RolloutState, 'plan' | 'progress' | 'host'>;

/** A rollout as its first entry leaves it: every host is pending, and the first wave may begin. */
export function evolveCreation(plan: RolloutPlan, atMs: number): Change {
  const hosts = plan.waves.flatMap((names, wave) => names.map((name) => pendingHost(name, wave, atMs)));
  const waves = plan.waves.map((names) => ({ ...NO_COUNTS, pending: names.length }));
  return {
    progress: {
      status: 'active',
      statusSinceMs: atMs,
      reason: '',
      currentWave: 0,
      waves,
      images: null,
      releaseFailures: 0,
    },
    hosts,
    effects: [],
  };
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
    refusal: null,
    deferral: null,
    images: [],
    rollbackFailure: null,
    lost: null,
    dropped: null,
  };
}

/** `atMs` is the time of the entry, by the server's clock. The cost does not depend on the number of hosts. */
export function evolveRollout(rollout: Evolving, entry: LaterEntry, atMs: number): Change {
  const { progress } = rollout;
  invariant(isTakenIn(progress.status, entry.kind), `a rollout that is ${progress.status} must not take ${entry.kind}`);
  switch (entry.kind) {
    case 'rollout_paused':
      return withStatus(progress, 'paused', 'paused by an operator', atMs);
    case 'rollout_resumed':
      return withStatus(progress, 'active', '', atMs);
    case 'rollout_aborted':
      return withStatus(progress, 'aborted', entry.reason, atMs);
    case 'rollout_superseded':
      return withStatus(progress, 'superseded', `superseded by rollout ${entry.by}`, atMs);
    case 'rollout_converged':
      return withStatus(progress, 'converged', '', atMs);
    case 'rollout_halted': {
      const effects = quarantineFor(progress, hostOf(rollout, entry.host));
      return { ...withStatus(progress, 'halted', entry.reason, atMs), effects };
    }
    case 'wave_promoted':
      return { progress: { ...progress, currentWave: entry.wave }, hosts: [], effects: [] };
    case 'host_dispatched': {
      const host = hostOf(rollout, entry.host);
      invariant(bucketOf(host) === 'pending', `${quote(host.name)} must be pending to be dispatched`);
      const offered = { ...host, epoch: entry.epoch, dispatchedAtMs: atMs };
      return { ...moveBetween(progress, host, offered), effects: [{ kind: 'offer', host: host.name }] };
    }
    case 'dispatch_withdrawn': {
      const host = hostOf(rollout, entry.host);
      invariant(isOffered(host), `an offer to ${quote(host.name)} must be out to be withdrawn`);
      return moveBetween(progress, host, { ...host, epoch: null, dispatchedAtMs: null });
    }
    case 'host_reported':
      return evolveReport(rollout, hostOf(rollout, entry.host), entry, atMs);
    case 'telemetry_judged': {
      const host = hostOf(rollout, entry.host);
      invariant(host.state === 'soaking' && !host.left, `${quote(host.name)} must be soaking to be judged`);
      const regressed = entry.verdict.status === 'regressed' && host.telemetry?.status !== 'regressed';
      const judged = moveBetween(progress, host, { ...host, telemetry: entry.verdict });
      return regressed ? { ...judged, effects: [{ kind: 'regression', host: host.name }] } : judged;
    }
    case 'host_left': {
      const host = hostOf(rollout, entry.host);
      invariant(isExpected(rollout.plan, host), `something must be expected of ${quote(host.name)} for it to leave`);
      return moveBetween(progress, host, { ...host, left: true });
    }
    case 'rollout_stalled': {
      const host = silentHostOf(rollout, entry.host);
      return moveBetween(progress, host, { ...host, lost: { sinceMs: entry.sinceMs, atMs } });
    }
    case 'host_lost': {
      const host = silentHostOf(rollout, entry.host);
      const lost = moveBetween(progress, host, evolveLoss(host, rollout.plan, entry.sinceMs, atMs));
      return { ...lost, effects: [{ kind: 'regression', host: host.name }] };
    }
    case 'host_returned': {
      const host = hostOf(rollout, entry.host);
      invariant(host.lost !== null, `${quote(host.name)} must be lost to return`);
      return moveBetween(progress, host, { ...host, lost: null });
    }
    case 'soak_restarted': {
      const host = hostOf(rollout, entry.host);
      invariant(host.state === 'soaking' && !host.left, `${quote(host.name)} must be soaking to begin again`);
      const soakDueAtMs = atMs + soakSecondsOf(rollout.plan, host.wave) * 1000;
      const telemetry = host.telemetry?.status === 'regressed' ? host.telemetry : null;
      return moveBetween(progress, host, { ...host, soakDueAtMs, telemetry });
    }
    case 'host_dropped': {
      const host = hostOf(rollout, entry.host);
      invariant(isExpected(rollout.plan, host), `something must be expected of ${quote(host.name)} to drop it`);
      return moveBetween(progress, host, { ...host, left: true, dropped: entry.reason });
    }
    default:
      return assertNever(entry);
  }
}

/**
 * A failure beyond the threshold quarantines the release, provided that it has a witness. While the rollout is open, its
 * halt does that; once it has ended (because an operator aborted it, for example), the failure itself does.
 */
function evolveReport(
  rollout: Evolving,
  host: RolloutHost,
  entry: Extract<RolloutEntry, { readonly kind: 'host_reported' }>,
  atMs: number,
): Change {
  const evolved = evolveHost(host, entry.numbered, rollout.plan, atMs);
  const changed = moveBetween(rollout.progress, host, evolved);
  const moved = evolved.images === host.images ? changed : noteImages(changed, evolved);
  if (evolved.state !== 'failed' || host.state === 'failed') return moved;
  const change = noteFailure(moved, evolved);
  const beyond = total(change.progress.waves, 'failed') > rollout.plan.failureThreshold;
  const over = !isOpen(rollout.progress.status);
  return beyond && over ? { ...change, effects: quarantineFor(change.progress, evolved) } : change;
}

function noteFailure(change: Change, { failure }: RolloutHost): Change {
  if (failure?.trouble !== null) return change;
  const { progress } = change;
  return { ...change, progress: { ...progress, releaseFailures: progress.releaseFailures + 1 } };
}

/** The images of a rollout are stored with its progress, and so with every change of it: UTF-16 code units of all. */
const MAX_IMAGES_LENGTH = 16_384;

/**
 * What the first host to run an image ran is what every later host is to run, though a tag has moved meanwhile. The soak
 * is not waited for: hosts of the same wave must not differ either.
 */
function noteImages(change: Change, host: RolloutHost): Change {
  const { progress } = change;
  const images = new Map(Object.entries(progress.images ?? {}));
  const known = images.size;
  let left = MAX_IMAGES_LENGTH - JSON.stringify(progress.images ?? {}).length;
  for (const { reference, repoDigest } of host.images) {
    if (images.has(reference)) continue;
    left -= reference.length + (repoDigest?.length ?? 0);
    if (left < 0) break;
    images.set(reference, repoDigest);
  }
  if (images.size === known) return change;
  return { ...change, progress: { ...progress, images: Object.fromEntries(images) } };
}

function quarantineFor(progress: RolloutProgress, host: RolloutHost): RolloutEffect[] {
  invariant(host.failure !== null, `${quote(host.name)} must have failed to quarantine a release`);
  const { failingProbes, output, trouble } = host.failure;
  if (trouble !== null || !hasWitness(progress, host, progress.releaseFailures)) return [];
  return [{ kind: 'quarantine', host: host.name, failingProbes, output }];
}

/** A host that may be lost: one that is on its way, and is not lost already. */
function silentHostOf(rollout: Evolving, name: string): RolloutHost {
  const host = hostOf(rollout, name);
  const mayBeLost = bucketOf(host) === 'inFlight' && !isOffered(host) && host.lost === null;
  invariant(mayBeLost, `${quote(name)} must be on its way to be lost`);
  return host;
}

function withStatus(progress: RolloutProgress, status: RolloutStatus, reason: string, atMs: number): Change {
  return { progress: { ...progress, status, statusSinceMs: atMs, reason }, hosts: [], effects: [] };
}

function moveBetween(progress: RolloutProgress, before: RolloutHost, after: RolloutHost): Change {
  const waves = moveHost(progress.waves, before.wave, bucketOf(before), bucketOf(after));
  return { progress: waves === progress.waves ? progress : { ...progress, waves }, hosts: [after], effects: [] };
}

function hostOf(rollout: Evolving, name: string): RolloutHost {
  const host = rollout.host(name);
  invariant(host !== undefined, `${quote(name)} must belong to rollout ${rollout.plan.id}`);
  return host;
}
