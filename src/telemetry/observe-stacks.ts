/** What a host's own reports say about the stacks that run there, and how that differs from what was deployed. */
import type { ServiceBaseline } from '../domain/deployment.ts';
import type { ContainerIdentity, ContainerReport } from '../domain/telemetry.ts';
import { plural, quote } from '../domain/words.ts';
import { stackOf } from './container-presence.ts';

const SERVICE_LABEL = 'com.docker.compose.service';
const ONE_OFF_LABEL = 'com.docker.compose.oneoff';
/** `migrate:service_completed_successfully:false,db:service_healthy:true`: what Compose started a container after. */
const DEPENDS_ON_LABEL = 'com.docker.compose.depends_on';
const COMPLETED = 'service_completed_successfully';

/** Docker's names for the state of a container whose process is there, or is being started again. */
const RUNNING_STATES: ReadonlySet<string | null> = new Set(['running', 'restarting']);

/** Findings about one deployment; a stack with more services than this is not described in full. */
const MAX_FINDINGS = 20;

export interface ObservedService {
  /** Containers that run, and all there are. */
  readonly running: number;
  readonly containers: number;
  /** What the running ones run, without duplicates and in order; what all run where none does. */
  readonly images: readonly string[];
  /** Another service waits for it to end, so it is not missed once it has. */
  readonly isJob: boolean;
}

/** By service. */
export type ObservedStack = ReadonlyMap<string, ObservedService>;

export const NOTHING_OBSERVED: ObservedStack = new Map();

/** `shop/web:1.4.2`, as the host reports it. */
function imageOf({ image, imageTag }: ContainerIdentity): string {
  if (imageTag === null) return image;
  return `${image}${imageTag.startsWith('sha256:') ? '@' : ':'}${imageTag}`;
}

/** The services whose end another service of the stack waits for. */
function jobsAmong(services: Iterable<readonly ContainerIdentity[]>): ReadonlySet<string> {
  const jobs = new Set<string>();
  for (const { labels } of [...services].flat()) {
    for (const dependency of (labels[DEPENDS_ON_LABEL] ?? '').split(',')) {
      const [service = '', condition] = dependency.split(':');
      if (condition === COMPLETED) jobs.add(service);
    }
  }
  return jobs;
}

function observeService(identities: readonly ContainerIdentity[], isJob: boolean): ObservedService {
  const running = identities.filter(({ state }) => RUNNING_STATES.has(state));
  const described = running.length === 0 ? identities : running;
  return {
    running: running.length,
    containers: identities.length,
    images: [...new Set(described.map(imageOf))].sort(),
    isJob,
  };
}

/** By stack; `reports` is the whole list of a tick. Containers that belong to no service do not count. */
export function observeStacks(reports: readonly ContainerReport[]): ReadonlyMap<string, ObservedStack> {
  const stacks = new Map<string, Map<string, ContainerIdentity[]>>();
  for (const { identity } of reports) {
    const stack = stackOf(identity);
    const service = identity.labels[SERVICE_LABEL];
    if (stack === null || service === undefined || identity.labels[ONE_OFF_LABEL] === 'True') continue;
    const services = stacks.get(stack) ?? new Map<string, ContainerIdentity[]>();
    stacks.set(stack, services.set(service, [...(services.get(service) ?? []), identity]));
  }
  const observed = new Map<string, ObservedStack>();
  for (const [stack, services] of stacks) {
    const sorted = [...services].sort(([a], [b]) => (a < b ? -1 : 1));
    const jobs = jobsAmong(services.values());
    const described = sorted.map(([name, identities]) => [name, observeService(identities, jobs.has(name))] as const);
    observed.set(stack, new Map(described));
  }
  return observed;
}

/** What is to stay as it is: the services that run, but for jobs. Null where there is none. */
export function baselineOf(observed: ObservedStack): Readonly<Record<string, ServiceBaseline>> | null {
  const running = [...observed].filter(([, service]) => service.running > 0 && !service.isJob);
  if (running.length === 0) return null;
  return Object.fromEntries(
    running.map(([name, { running: containers, images }]) => [name, { containers, image: images.join(', ') }]),
  );
}

/** How what runs differs from the baseline, in sentences; none where it does not. */
export function findDrift(baseline: Readonly<Record<string, ServiceBaseline>>, observed: ObservedStack): string[] {
  const findings = Object.entries(baseline).flatMap(([name, expected]) => {
    const service = observed.get(name);
    if (service === undefined) return [`service ${quote(name)} has no container any more`];
    const { running, containers } = service;
    if (running < expected.containers) {
      const rest = containers > running ? `: ${plural(containers - running, 'container')} stopped` : '';
      return [`service ${quote(name)} runs ${plural(running, 'container')} instead of ${expected.containers}${rest}`];
    }
    const image = service.images.join(', ');
    if (image === expected.image) return [];
    return [`service ${quote(name)} runs the image ${quote(image)} instead of ${quote(expected.image)}`];
  });
  return findings.slice(0, MAX_FINDINGS);
}
