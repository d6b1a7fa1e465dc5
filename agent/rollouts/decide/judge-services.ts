/**
 * The probes that every release has: one for each service, over all of its containers. It is `health:<service>` where
 * the service has a health check, otherwise `running:<service>`; both fail when a container does not run.
 */

import { RELEASE_LIMITS } from '../../../src/domain/release.ts';
import { EVENT_LIMITS } from '../../../src/domain/rollout.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { PhaseAt, Plan, ProbeState } from '../record/stack-record.ts';
import { crashReason } from './crashes.ts';
import { describeMissing, failureReasonOf } from './judge-activation.ts';
import type { ProbeReading } from './observed.ts';
import { deployedContainers } from './read-project.ts';
import type { Runs } from './watch-runs.ts';

/** The release's own probes take up the rest of what a host may declare; more services than this are one probe. */
const MAX_SERVICE_PROBES = EVENT_LIMITS.maxProbes - RELEASE_LIMITS.maxProbes;
const ALL_SERVICES = 'running:all-services';
/** The engine itself waits this long before it counts a restart as successful. */
const STEADY_MS = 10_000;

/** With a healthcheck, and without one. */
function serviceProbeNames(service: string): readonly [string, string] {
  return [
    `health:${service}`.slice(0, EVENT_LIMITS.maxProbeNameLength),
    `running:${service}`.slice(0, EVENT_LIMITS.maxProbeNameLength),
  ];
}

function hasHealthcheck(containers: readonly ProjectContainer[], service: string): boolean {
  return containers.some((container) => container.service === service && container.health !== null);
}

function serviceProbes(plan: Plan, containers: readonly ProjectContainer[]): string[] {
  const names = plan.services.map(({ name }) => name);
  if (names.length > MAX_SERVICE_PROBES) return [ALL_SERVICES];
  return names.map((service) => {
    const [health, running] = serviceProbeNames(service);
    return hasHealthcheck(containers, service) ? health : running;
  });
}

/** Every probe of the release, not observed yet. Its containers now decide of which kind a service's probe is. */
export function declareProbes(plan: Plan, containers: readonly ProjectContainer[]): ProbeState[] {
  const unobserved = { status: null, failingSince: null, reason: null, hasFailed: false } as const;
  const own = serviceProbes(plan, containers).map((name) => ({ name, mode: 'enforce', ...unobserved }) as const);
  return [...own, ...plan.probes.map(({ name, mode }) => ({ name, mode, ...unobserved }))];
}

/** The services that a declared probe speaks for. */
function servicesOf(probe: string, plan: Plan): Plan['services'] {
  if (probe === ALL_SERVICES) return plan.services;
  return plan.services.filter(({ name }) => serviceProbeNames(name).includes(probe));
}

/**
 * Reads the declared probes of services from the containers. A service whose health check has started over without a
 * restart of the container (the engine was restarted) has no reading yet.
 */
export function readServices(
  soak: PhaseAt<'soaking'>,
  plan: Plan,
  release: string,
  containers: readonly ProjectContainer[],
  runs: Runs,
  now: ClockReading,
): ProbeReading[] {
  const custom = new Set(plan.probes.map(({ name }) => name));
  const deployed = deployedContainers(containers);
  return soak.probes.flatMap(({ name }) => {
    if (custom.has(name)) return [];
    const services = servicesOf(name, plan);
    if (services.length === 0) return [];
    const reasons = services.flatMap((service) => failureReasonsOf(service, soak, plan, release, deployed, runs, now));
    if (reasons.length > 0) return { name, status: 'fail', at: now, reason: reasons.join('; ') } as const;
    const isStarting = deployed.some(
      ({ service, state, health }) =>
        state === 'running' && health === 'starting' && services.some((one) => one.name === service),
    );
    return isStarting ? [] : ({ name, status: 'pass', at: now, reason: null } as const);
  });
}

function failureReasonsOf(
  service: Plan['services'][number],
  soak: PhaseAt<'soaking'>,
  plan: Plan,
  release: string,
  deployed: readonly ProjectContainer[],
  runs: Runs,
  now: ClockReading,
): string[] {
  const own = deployed.filter((container) => container.service === service.name);
  if (own.length === 0) return [`service ${service.name} no longer has a container`];
  const reasons = own.flatMap((container) => {
    if (container.release !== release) return [`container ${container.name} no longer belongs to this release`];
    return failureReasonOf(container, service.isJob) ?? restartFailureReason(container, soak, plan, runs, now) ?? [];
  });
  return [describeMissing(service, deployed) ?? [], reasons].flat();
}

/** Start-up apart, a service does not crash in its soak; one that has just restarted is not taken for well yet. */
function restartFailureReason(
  container: ProjectContainer,
  soak: PhaseAt<'soaking'>,
  plan: Plan,
  runs: Runs,
  now: ClockReading,
): string | null {
  const reason = crashReason(container, soak, plan.maxRestarts);
  if (reason !== null) return reason;
  if (container.restartCount <= (soak.restarts[container.id] ?? 0)) return null;
  const steadyMs = Math.min(STEADY_MS, plan.sustainedFailureMs / 2);
  const ranMs = elapsedMs(runs.get(container.id)?.seenSince ?? now, now);
  if (ranMs < steadyMs) return `container ${container.name} has just restarted`;
  return container.health === 'starting' ? `container ${container.name} has restarted and is not healthy yet` : null;
}
