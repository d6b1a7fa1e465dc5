import type { CommandOf, NotRolledBack, Outcomes, RolloutOrder, RolloutRequest } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import { matchesAll } from '../../domain/host.ts';
import type { Lookup } from '../../domain/lookups.ts';
import type { RolloutRows } from '../../domain/records.ts';
import { type RolloutPlan, rolloutIdOf } from '../../domain/rollout.ts';
import { formatLabels, releaseName, shortDigest } from '../../domain/words.ts';
import { decideCommand, decideDrop } from '../../rollout/decide-command.ts';
import type { Decision } from '../../rollout/decision.ts';
import { layOutWaves } from '../../rollout/lay-out-waves.ts';
import { Rollout } from '../../rollout/rollout.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { findHost } from './find-host.ts';
import { findRelease } from './releases.ts';

/** The hosts that the request selects, in a stable order. Throws `not_found` for an unknown name, `invalid` for no host. */
function chooseHosts(state: State, request: RolloutRequest): string[] {
  if ('names' in request.hosts) {
    for (const name of request.hosts.names) {
      if (findHost(state.fleet, name).stored.status !== 'archived') continue;
      throw new NexusError('invalid', `host '${name}' is archived and receives no releases: leave it out`);
    }
    return [...request.hosts.names];
  }
  const { selector } = request.hosts;
  if (Object.keys(selector).length === 0)
    throw new NexusError('invalid', 'an empty selector would select every host: name at least one label');
  const names: string[] = [];
  for (const { stored } of state.fleet.hosts()) {
    if (stored.status !== 'archived' && matchesAll(stored.labels, selector)) names.push(stored.name);
  }
  if (names.length === 0) {
    throw new NexusError(
      'invalid',
      `no host has the labels ${formatLabels(selector)}: 'nexus host list' shows the labels of each host`,
    );
  }
  return names.sort();
}

/** Turns a request into the plan of a rollout. Changes nothing. */
export function planRollout(state: State, request: RolloutRequest, idSeed: number, nowMs: number): RolloutPlan {
  const release = findRelease(state.index, request.release);
  const labelsOf = (name: string) => findHost(state.fleet, name).stored.labels;
  const laidOut = layOutWaves(request.waves, chooseHosts(state, request), labelsOf);
  if (!laidOut.ok) throw new NexusError('invalid', laidOut.reason);
  return {
    id: rolloutIdOf(nowMs, idSeed),
    stack: release.stack,
    release: release.digest,
    waves: laidOut.waves,
    waveSoakSeconds: laidOut.waveSoakSeconds,
    maxInFlight: request.maxInFlight,
    failureThreshold: request.failureThreshold,
    policy: release.policy,
    createdAtMs: nowMs,
  };
}

export function createRollout(state: State, command: CommandOf<'create_rollout'>): Outcomes['create_rollout'] {
  const asked = planRollout(state, command, command.idSeed, command.nowMs);
  state.driver.create(asked, command.nowMs);
  return { id: asked.id };
}

/** The rollout in memory, or one restored from the rows that `read` returns. Throws `not_found`. */
export function findRollout(
  { index }: State,
  id: string,
  read: (id: string) => RolloutRows | null | undefined,
): Rollout {
  const open = index.rollout(id);
  if (open !== undefined) return open;
  const stored = read(id) ?? null;
  if (stored !== null) return Rollout.restore(stored);
  throw new NexusError('not_found', `there is no rollout '${id}': 'nexus rollout list' lists those there are`);
}

/** An open rollout needs no lookup. */
export function lookupsOfSteering({ index }: State, { id: rolloutId }: CommandOf<'steer_rollout'>): readonly Lookup[] {
  return index.rollout(rolloutId) === undefined ? [{ kind: 'rollout', rolloutId }] : [];
}

export function steerRollout(
  state: State,
  command: CommandOf<'steer_rollout'>,
  found: LookupCache,
): Outcomes['steer_rollout'] {
  const rollout = findRollout(state, command.id, (rolloutId) => found.get({ kind: 'rollout', rolloutId }));
  const { order, nowMs } = command;
  const decision = decideOrder(rollout, order);
  if (!decision.ok)
    throw new NexusError('conflict', decision.refusal, { details: { current_state: rollout.progress.status } });
  const { plans, notRolledBack } =
    order.kind === 'abort' && order.rollback ? planRollbacks(state, rollout, command) : NO_ROLLBACKS;
  for (const entry of decision.entries) state.driver.apply(rollout, entry, nowMs);
  for (const asked of plans) state.driver.create(asked, nowMs);
  return { id: command.id, rollbacks: plans.map((asked) => asked.id), notRolledBack };
}

/** Throws `not_found` for a host that is not part of the rollout. */
function decideOrder(rollout: Rollout, order: RolloutOrder): Decision {
  const { status } = rollout.progress;
  if (order.kind !== 'drop_host') {
    return decideCommand(status, order.kind, order.kind === 'abort' ? order.reason || 'aborted by an operator' : '');
  }
  const host = rollout.host(order.host);
  if (host === undefined) {
    throw new NexusError('not_found', `rollout ${rollout.plan.id} has no host '${order.host}'`);
  }
  return decideDrop(rollout.plan, host, order.reason || 'an operator insists');
}

interface Rollbacks {
  readonly plans: readonly RolloutPlan[];
  readonly notRolledBack: readonly NotRolledBack[];
}

const NO_ROLLBACKS: Rollbacks = { plans: [], notRolledBack: [] };

/**
 * Plans the rollouts that bring back what each touched host ran before: one for each earlier release, in a single wave.
 * A host for which that cannot be done is named, and keeps no other host from going back.
 */
function planRollbacks(state: State, rollout: Rollout, { idSeed, nowMs }: CommandOf<'steer_rollout'>): Rollbacks {
  const byRelease = new Map<string, string[]>();
  const notRolledBack: NotRolledBack[] = [];
  for (const host of rollout.hosts.values()) {
    if (host.state === 'pending' || host.state === 'reverted' || host.left) continue;
    const { name, previousRelease } = host;
    const reason = whyNotBack(state, rollout.plan, previousRelease);
    if (reason !== null) notRolledBack.push({ host: name, reason });
    else if (previousRelease !== null) {
      byRelease.set(previousRelease, [...(byRelease.get(previousRelease) ?? []), name]);
    }
  }
  const plans = [...byRelease].map(([release, names], index) => {
    const waves = [{ percent: 100 }];
    const { maxInFlight } = rollout.plan;
    const request = { release, hosts: { names }, waves, maxInFlight, failureThreshold: names.length };
    return planRollout(state, request, idSeed + index, nowMs);
  });
  return { plans, notRolledBack };
}

/**
 * Why a host cannot go back from a release to what it ran before, or null. `before`: what the agent has told of its host. It may
 * be anything that a label can say.
 */
export function whyNotBack(
  { index }: State,
  { stack, release }: Pick<RolloutPlan, 'stack' | 'release'>,
  before: string | null,
): string | null {
  if (before === null) return 'ran nothing of this stack before';
  if (before === release) return 'ran this release before already';
  const known = index.release(before);
  if (known === undefined) return `ran release ${shortDigest(before)} before, which this server does not know`;
  if (known.stack !== stack) return `ran ${releaseName(known)} before, which belongs to another stack`;
  if (index.quarantine(stack, before) !== null) return `ran ${releaseName(known)} before, which is quarantined`;
  return null;
}
