/** Keeps count of containers that crash during a soak and are restarted by the engine. */
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Crashes, PhaseAt } from '../record/stack-record.ts';
import { deployedContainers } from './read-project.ts';

/** A service may crash in so many first milliseconds of a soak because what it needs is not up yet… */
const START_UP_MS = 30_000;
/** …but no more often than this. */
const MOST_EARLY = 2;
/** After a crash a soak goes on for at least this long beyond the time that a failure has to last. */
const CALM_MS = 30_000;

type Soak = Pick<PhaseAt<'soaking'>, 'since' | 'restarts' | 'seenRestarts' | 'crashes'>;

/** The codes with which containers have ended lately, by id, the latest one last; the engine forgets older ones. */
export type ExitCodes = ReadonlyMap<string, readonly number[]>;

/** How often each container had restarted by now. */
export function countRestarts(containers: readonly ProjectContainer[]): Record<string, number> {
  return Object.fromEntries(deployedContainers(containers).map(({ id, restartCount }) => [id, restartCount]));
}

/** Whether a container has restarted since that was last looked into, or its count has started over. */
export function hasNewRestarts(soak: Soak, containers: readonly ProjectContainer[]): boolean {
  return deployedContainers(containers).some((container) => container.restartCount !== countKnown(soak, container));
}

function countKnown({ restarts, seenRestarts }: Soak, { id }: ProjectContainer): number {
  return seenRestarts[id] ?? restarts[id] ?? 0;
}

/** The engine counts from 0 again after a restart of its own, after a reboot and after 'docker start'. */
function hasStartedOver(soak: Soak, container: ProjectContainer): boolean {
  return container.restartCount < countKnown(soak, container);
}

function countNew(soak: Soak, container: ProjectContainer): number {
  return container.restartCount - (hasStartedOver(soak, container) ? 0 : countKnown(soak, container));
}

/**
 * Takes in restarts. An end with code 0 is none of a crash: some services end after each round of work. One whose code is
 * not known counts.
 */
export function noteRestarts<S extends Soak>(
  soak: S,
  containers: readonly ProjectContainer[],
  exitCodes: ExitCodes,
  now: ClockReading,
): S {
  const crashes: Record<string, Crashes> = { ...soak.crashes };
  const restarts = { ...soak.restarts };
  const isEarly = elapsedMs(soak.since, now) <= START_UP_MS;
  for (const container of deployedContainers(containers)) {
    const { id } = container;
    if (hasStartedOver(soak, container)) restarts[id] = 0;
    const fresh = countNew(soak, container);
    if (fresh <= 0) continue;
    const codes = (exitCodes.get(id) ?? []).slice(-fresh);
    const count = fresh - codes.filter((code) => code === 0).length;
    if (count === 0) continue;
    const { early, late } = crashes[id] ?? { early: 0, late: 0 };
    crashes[id] = {
      early: early + (isEarly ? count : 0),
      late: late + (isEarly ? 0 : count),
      lastAt: now,
      lastExitCode: codes.findLast((code) => code !== 0) ?? null,
    };
  }
  return { ...soak, restarts, seenRestarts: countRestarts(containers), crashes };
}

/** Why a container's crashes fail its host, as a sentence; null while they do not. */
export function crashReason({ id, name }: ProjectContainer, { crashes }: Soak, maxRestarts: number): string | null {
  const known = crashes[id];
  if (known === undefined) return null;
  const { early, late, lastExitCode } = known;
  if (late + Math.max(0, early - MOST_EARLY) <= maxRestarts) return null;
  const code = lastExitCode === null ? '' : ` with code ${lastExitCode}`;
  return early + late === 1
    ? `container ${name} has exited${code} during its soak, and was restarted`
    : `container ${name} restarts in a loop: ${early + late} times since the soak began, the last time after it had exited${code}`;
}

/**
 * Milliseconds until the stack has been calm for long enough to end its soak. Crashes that the release allows do not
 * delay it.
 */
export function untilCalmMs({ crashes }: Soak, sustainedMs: number, maxRestarts: number, now: ClockReading): number {
  const left = Object.values(crashes)
    .filter(({ early, late }) => early + late > maxRestarts)
    .map(({ lastAt }) => sustainedMs + CALM_MS - elapsedMs(lastAt, now));
  return Math.max(0, ...left);
}
