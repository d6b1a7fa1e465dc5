import type { RolloutPlan } from '../domain/rollout.ts';
import { isOpen, type RolloutState } from './rollout-state.ts';

/**
 * Finds the open rollouts that a new one replaces: those of its stack that share a host with it, unless that host has
 * left. Each gets `rollout_superseded` before the new one is created, so a stack on a host never has two open rollouts.
 */
export function findSuperseded<R extends RolloutState>(created: RolloutPlan, open: Iterable<R>): R[] {
  const names = created.waves.flat();
  return [...open].filter(
    (other) =>
      other.plan.stack === created.stack &&
      other.plan.id !== created.id &&
      isOpen(other.progress.status) &&
      names.some((name) => other.host(name)?.left === false),
  );
}
