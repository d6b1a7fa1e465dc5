/** Judges whether what runs is the complete release, and healthy. */
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Plan } from '../record/stack-record.ts';
import { deployedContainers } from './read-project.ts';

export type ActivationState =
  | { readonly kind: 'settled' }
  /** Nothing is wrong, but a health check has not reported yet. */
  | { readonly kind: 'settling'; readonly reason: string }
  /** All containers belong to the release, and some are not healthy. */
  | { readonly kind: 'unwell'; readonly reason: string }
  /** Containers of another release are there, or some of this one are missing. */
  | { readonly kind: 'incomplete'; readonly reason: string };

/** A sentence about what is wrong with a container; null when nothing is. */
export function failureReasonOf(container: ProjectContainer, isJob: boolean): string | null {
  const { name, state, health, exitCode, oomKilled } = container;
  if (state === 'running') {
    if (health !== 'unhealthy') return null;
    const said = container.healthOutput.trim();
    return `container ${name} is unhealthy${said === '' ? '' : `: ${said}`}`;
  }
  if (state === 'exited') {
    if (exitCode !== 0) {
      const memory = oomKilled ? ', out of memory (OOMKilled)' : '';
      return `container ${name} has exited with code ${exitCode}${memory}`;
    }
    if (isJob) return null;
    return `container ${name} has exited with code 0; a service that is meant to end needs 'restart: "no"', or another one that depends on it with 'condition: service_completed_successfully'`;
  }
  return `container ${name} is ${state}, not running`;
}

/** A sentence about a service that has fewer containers than it is to have; null when it has enough. */
export function describeMissing(
  { name, replicas = 1 }: Plan['services'][number],
  deployed: readonly ProjectContainer[],
): string | null {
  const count = deployed.filter(({ service }) => service === name).length;
  if (count >= replicas) return null;
  return count === 0 ? `service ${name} has no container` : `service ${name} has ${count} of ${replicas} containers`;
}

export function judgeActivation(
  containers: readonly ProjectContainer[],
  plan: Pick<Plan, 'services'>,
  release: string,
): ActivationState {
  const deployed = deployedContainers(containers);
  const others = deployed.filter((container) => container.release !== release);
  if (others.length > 0) {
    return {
      kind: 'incomplete',
      reason: `containers of another release: ${others.map(({ name }) => name).join(', ')}`,
    };
  }
  const missing = plan.services.flatMap((service) => describeMissing(service, deployed) ?? []);
  if (missing.length > 0) return { kind: 'incomplete', reason: missing.join('; ') };

  const jobs = new Set(plan.services.filter(({ isJob }) => isJob).map(({ name }) => name));
  const reasons = deployed.flatMap((container) => failureReasonOf(container, jobs.has(container.service)) ?? []);
  if (reasons.length > 0) return { kind: 'unwell', reason: reasons.join('; ') };
  const starting = deployed.filter(({ state, health }) => state === 'running' && health === 'starting');
  if (starting.length === 0) return { kind: 'settled' };
  return { kind: 'settling', reason: `not healthy yet: ${starting.map(({ name }) => name).join(', ')}` };
}
