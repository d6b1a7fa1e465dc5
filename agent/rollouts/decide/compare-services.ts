/** Whether what was brought back does as well as it did before the rollout, container by container. */
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Plan, PriorContainer } from '../record/stack-record.ts';
import { failureReasonOf } from './judge-activation.ts';
import { deployedContainers } from './read-project.ts';

type Condition = Pick<PriorContainer, 'state' | 'health' | 'exitCode'>;

/** From worst to best. */
const RANKS = ['absent', 'down', 'unhealthy', 'well'] as const;
type Rank = (typeof RANKS)[number];

/** How the containers of a project are now, to compare with later. */
export function noteCondition(containers: readonly ProjectContainer[]): PriorContainer[] {
  return deployedContainers(containers).map(({ service, state, health, exitCode, imageId }) => ({
    service,
    state,
    health,
    exitCode,
    imageId,
  }));
}

/**
 * Jobs that a way back leaves alone: they had ended before the rollout, or were gone already. Without knowledge of that
 * time, all are run again, as a service may only look like a job.
 */
export function listEndedJobs(
  { services }: Pick<Plan, 'services'>,
  before: readonly PriorContainer[] | null,
): string[] {
  if (before === null) return [];
  const active = new Set(
    before.filter(({ state }) => state !== 'exited' && state !== 'dead').map(({ service }) => service),
  );
  return services.filter(({ name, isJob }) => isJob && !active.has(name)).map(({ name }) => name);
}

export interface Comparison {
  readonly isWell: boolean;
  /** Not well, but no worse than before. */
  readonly isAsBefore: boolean;
  /** What is not well, as a sentence; empty when nothing is. */
  readonly reason: string;
}

/** Compares the services of `plan` but for those in `except`; `before` null: only what is well will do. */
export function compareServices(
  { services }: Pick<Plan, 'services'>,
  containers: readonly ProjectContainer[],
  before: readonly PriorContainer[] | null,
  except: readonly string[],
): Comparison {
  const deployed = deployedContainers(containers);
  const reasons: string[] = [];
  let isAsBefore = before !== null;
  const names = new Set([...services.map(({ name }) => name), ...deployed.map(({ service }) => service)]);
  for (const name of [...names].filter((service) => !except.includes(service))) {
    const own = deployed.filter(({ service }) => service === name);
    const rank = worstOf(own);
    if (rank === 'well') continue;
    reasons.push(...reasonsOf(name, own));
    const earlier = worstOf((before ?? []).filter(({ service }) => service === name));
    if (RANKS.indexOf(rank) < RANKS.indexOf(earlier)) isAsBefore = false;
  }
  return { isWell: reasons.length === 0, isAsBefore, reason: reasons.join('; ') };
}

function reasonsOf(service: string, own: readonly ProjectContainer[]): string[] {
  if (own.length === 0) return [`service ${service} has no container`];
  return own.flatMap((container) => {
    // Whatever has ended with code 0 has done its work: a way back judges no service by its restart policy.
    const reason = failureReasonOf(container, true);
    if (reason !== null) return reason;
    return container.health === 'starting' ? `container ${container.name} is not healthy yet` : [];
  });
}

function worstOf(conditions: readonly Condition[]): Rank {
  const ranks = conditions.map(rankOf);
  return RANKS.find((rank) => ranks.includes(rank)) ?? 'absent';
}

function rankOf({ state, health, exitCode }: Condition): Rank {
  if (state === 'exited' && exitCode === 0) return 'well';
  if (state !== 'running') return 'down';
  return health === 'unhealthy' || health === 'starting' ? 'unhealthy' : 'well';
}
