/** Brings a stack back to the release before, on every host that had one. */
import type { CommandOf, NotRolledBack, Outcomes } from '../../domain/command.ts';
import type { Deployment } from '../../domain/deployment.ts';
import { NexusError } from '../../domain/errors.ts';
import type { Lookup } from '../../domain/lookups.ts';
import { isOpen } from '../../rollout/rollout-state.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { planRollout, whyNotBack } from './rollouts.ts';

/** What the newest rollout of the stack that has changed a host has left on the hosts: empty where none has. */
function newestDeployments({ index }: State, stack: string): Deployment[] {
  const all = [...index.deployments()].filter((deployment) => deployment.stack === stack);
  // Ids of rollouts sort by age.
  const newest = all
    .map(({ rolloutId }) => rolloutId)
    .sort()
    .at(-1);
  return all.filter(({ rolloutId }) => rolloutId === newest).sort((a, b) => (a.host < b.host ? -1 : 1));
}

function partLookup({ rolloutId, host }: Deployment) {
  return { kind: 'rollout_host', rolloutId, host } as const;
}

export function lookupsOfUndo(state: State, { stack }: CommandOf<'undo_stack'>): readonly Lookup[] {
  return newestDeployments(state, stack).map(partLookup);
}

/** Throws `not_found` for a stack that no rollout has brought anywhere, `conflict` while its newest rollout is open. */
export function undoStack(
  state: State,
  { stack, idSeed, nowMs }: CommandOf<'undo_stack'>,
  found: LookupCache,
): Outcomes['undo_stack'] {
  const deployments = newestDeployments(state, stack);
  const [first] = deployments;
  if (first === undefined) {
    throw new NexusError('not_found', `no rollout has brought a stack '${stack}' to a host: there is nothing to undo`);
  }
  const { rolloutId } = first;
  const open = state.index.rollout(rolloutId);
  if (open !== undefined && isOpen(open.progress.status)) {
    throw new NexusError(
      'conflict',
      `rollout ${rolloutId} of the stack is not over: 'nexus rollout abort ${rolloutId} --rollback' ends it and brings back what ran before`,
      { details: { current_state: open.progress.status } },
    );
  }
  const byRelease = new Map<string, string[]>();
  const notUndone: NotRolledBack[] = [];
  for (const deployment of deployments) {
    const { host, release } = deployment;
    const before = found.get(partLookup(deployment))?.previousRelease ?? null;
    const isArchived = state.fleet.hostByName(host)?.stored.status === 'archived';
    const reason = isArchived ? 'is archived' : whyNotBack(state, { stack, release: release ?? '' }, before);
    if (reason !== null) notUndone.push({ host, reason });
    else if (before !== null) byRelease.set(before, [...(byRelease.get(before) ?? []), host]);
  }
  const asked = [...byRelease].map(([release, names], index) => {
    const waves = [{ percent: 100 }];
    const request = { release, hosts: { names }, waves, maxInFlight: names.length, failureThreshold: names.length };
    return planRollout(state, request, idSeed + index, nowMs);
  });
  for (const plan of asked) state.driver.create(plan, nowMs);
  return { rollouts: asked.map(({ id }) => id), notUndone };
}
