import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Plan } from '../record/stack-record.ts';
import { deployedContainers, readProject } from './read-project.ts';

/** A paused container was paused by somebody, and Compose would not resume it. */
const PRESENT_STATES: ReadonlySet<string> = new Set(['running', 'restarting', 'paused']);

/**
 * The services of a deployed release that run fewer containers than it says. Jobs have done what they did, and are left
 * out. Null: the project has containers that Nexus has not deployed, so it is left alone.
 */
export function findStopped(
  containers: readonly ProjectContainer[],
  { services }: Pick<Plan, 'services'>,
): string[] | null {
  if (readProject(containers).kind === 'foreign') return null;
  const present = deployedContainers(containers).filter(({ state }) => PRESENT_STATES.has(state));
  return services
    .filter(({ name, isJob, replicas = 1 }) => {
      return !isJob && present.filter(({ service }) => service === name).length < replicas;
    })
    .map(({ name }) => name);
}
