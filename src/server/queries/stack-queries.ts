/** Reads of what runs where. */
import { NexusError } from '../../domain/errors.ts';
import type { Read } from '../../domain/ports.ts';
import type { StackHostView, StackQueries, StackRelease, StackSummary } from '../../domain/stack-queries.ts';
import { isExpected } from '../../rollout/host-bucket.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { isOpen } from '../../rollout/rollout-state.ts';
import { NOTHING_OBSERVED } from '../../telemetry/observe-stacks.ts';
import { findHost } from '../commands/find-host.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { State } from '../state/state.ts';
import type { Writer } from '../writer.ts';

/** Answers from memory; every answer leaves only after what was read is committed. */
export class CommittedStackQueries implements StackQueries {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  stacks(): Read<StackSummary[]> {
    return this.#writer.read(({ state }) => {
      const byStack = new Map<string, StackHostView[]>();
      for (const host of state.fleet.hosts()) {
        for (const view of viewsOf(state, host)) byStack.set(view.stack, [...(byStack.get(view.stack) ?? []), view]);
      }
      return [...byStack.values()].map(summarizeStack).sort((a, b) => (a.stack < b.stack ? -1 : 1));
    });
  }

  stack(name: string): Read<StackHostView[]> {
    return this.#writer.read(({ state }) => {
      const views = [...state.fleet.hosts()].flatMap((host) => viewOf(state, host, name) ?? []);
      if (views.length > 0) return views.sort((a, b) => (a.host < b.host ? -1 : 1));
      const hint = state.index.hasReleaseOf(name)
        ? `no rollout has brought it to a host yet: 'nexus rollout create' does that`
        : `'nexus stack list' lists those there are`;
      throw new NexusError('not_found', `there is no stack '${name}': ${hint}`);
    });
  }

  stacksOfHost(name: string): Read<StackHostView[]> {
    return this.#writer.read(({ state }) => viewsOf(state, findHost(state.fleet, name)));
  }
}

function viewsOf(state: State, host: LiveHost): StackHostView[] {
  const { name } = host.stored;
  const stacks = new Set([...state.index.deploymentsOf(name)].map(({ stack }) => stack));
  for (const { plan } of state.index.rolloutsOfHost(name)) stacks.add(plan.stack);
  return [...stacks].sort().flatMap((stack) => viewOf(state, host, stack) ?? []);
}

/** Null where no rollout has reached the host with this stack, nor is to. */
function viewOf(state: State, host: LiveHost, stack: string): StackHostView | null {
  const { name, status } = host.stored;
  if (status === 'archived') return null;
  const deployment = state.index.deployment(stack, name);
  const coming = comingRollout(state, name, stack);
  const rolloutId = coming?.plan.id ?? deployment?.rolloutId;
  if (rolloutId === undefined) return null;
  const services = [...(host.stacks.get(stack) ?? NOTHING_OBSERVED)];
  const brought = deployment?.release ?? null;
  const drift = deployment?.drift ?? null;
  // What has been taken away by hand runs no more, whatever the rollout has brought.
  const isGone = drift !== null && services.length === 0;
  return {
    stack,
    host: name,
    status,
    desired: nameRelease(state, coming?.plan.release ?? brought),
    observed: nameRelease(state, isGone ? null : brought),
    sinceMs: isGone ? null : (deployment?.sinceMs ?? null),
    rolloutId,
    services: services.map(([service, { running, containers, images }]) => ({ service, running, containers, images })),
    isWatched: coming === null && (deployment?.baseline ?? null) !== null,
    drift,
  };
}

/** The open rollout of the stack that expects something from the host, or may do so later. */
function comingRollout({ index }: State, name: string, stack: string): Rollout | null {
  const expects = (rollout: Rollout): boolean => {
    const host = rollout.host(name);
    if (rollout.plan.stack !== stack || host === undefined) return false;
    return isOpen(rollout.progress.status) && host.state !== 'converged' && isExpected(rollout.plan, host);
  };
  return index.rolloutsOfHost(name).find(expects) ?? null;
}

function nameRelease({ index }: State, digest: string | null): StackRelease | null {
  return digest === null ? null : { digest, version: index.release(digest)?.version ?? null };
}

function summarizeStack(views: readonly StackHostView[]): StackSummary {
  const byRelease = new Map<string, { release: StackRelease | null; hosts: number }>();
  for (const { observed } of views) {
    const key = observed?.digest ?? '';
    byRelease.set(key, { release: observed, hosts: (byRelease.get(key)?.hosts ?? 0) + 1 });
  }
  return {
    stack: views[0]?.stack ?? '',
    releases: [...byRelease.values()].sort((a, b) => b.hosts - a.hosts),
    hosts: views.length,
    behind: views.filter(({ desired, observed }) => desired?.digest !== observed?.digest).length,
    drifted: views.filter(({ drift }) => drift !== null).length,
  };
}
