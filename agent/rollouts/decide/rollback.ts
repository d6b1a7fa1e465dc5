/** Decides how to go back to what ran before, for as long as it takes: a host never stays between two releases. */
import { formatInstant } from '../../../src/domain/instant.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Advance } from '../record/advance.ts';
import type { PhaseAt, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { failureReasonOf } from './judge-activation.ts';
import { isStubborn, type Observed, type Tried } from './observed.ts';
import { deployedContainers, type ProjectState, readProject } from './read-project.ts';

const ENGINE_AGAIN_MS = 1_000;
const FOREIGN_RETRY_MS = 60_000;
const LIMIT_MS = 600_000;
/** Waits before the first repetition, the second and so on; the last one holds for all after it. */
const RETRY_MS = [1_000, 5_000, 15_000, 30_000, 60_000] as const;
/** When the old release is back but not healthy, it gets this many attempts, and is then reported as it is. */
const MOST_UPS = 3;

export function decideRollback(
  rollout: RolloutRecord,
  phase: PhaseAt<'reverting'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const { containers, tried } = observed;
  if (containers === null) return [{ do: 'wait', ms: ENGINE_AGAIN_MS }];
  const project = readProject(containers);
  // A mix of releases is not left alone even when it was there before.
  if (!phase.touched && project.kind !== 'mixed') return [complete(releaseOf(project), 0, now)];
  if (project.kind === 'foreign') {
    // Either way back would remove containers that Nexus has not deployed.
    return project.releases.length === 0 ? [complete(null, 0, now)] : [{ do: 'wait', ms: FOREIGN_RETRY_MS }];
  }
  const { fallback } = rollout;
  if (fallback === null) {
    if (tried.down !== undefined && project.kind === 'nothing') return [complete(null, exitCodeOf(tried.down), now)];
    return again(tried.down, now, { do: 'down', limitMs: LIMIT_MS });
  }
  if (tried.prepare?.last.ok !== true) {
    return again(tried.prepare, now, { do: 'prepare', release: fallback, limitMs: LIMIT_MS });
  }
  if (tried.pull?.last.ok !== true && (tried.pull?.attempts ?? 0) <= (tried.up?.attempts ?? 0)) {
    // Its images are usually still here. When one is gone and cannot be pulled, `up` explains it better.
    return [{ do: 'pull', release: fallback, onlyMissing: true, limitMs: LIMIT_MS }];
  }
  const { up } = tried;
  const bringUp: Action = { do: 'up', release: fallback, afresh: isStubborn(up), limitMs: LIMIT_MS };
  if (up === undefined) return [bringUp];
  if (project.kind === 'release' && project.release === fallback) {
    if (up.last.ok || isWell(containers)) return [complete(fallback, 0, now)];
    if (up.attempts >= MOST_UPS) return [complete(fallback, up.last.exitCode, now)];
  }
  return again(up, now, bringUp);
}

/** `--wait` counts a job that has ended as a failure; here it is not one. */
function isWell(containers: readonly ProjectContainer[]): boolean {
  return deployedContainers(containers).every(
    (container) => failureReasonOf(container, true) === null && container.health !== 'starting',
  );
}

function releaseOf(project: ProjectState): string | null {
  return project.kind === 'release' ? project.release : null;
}

function again(tried: Tried | undefined, now: ClockReading, action: Action): Action[] {
  if (tried === undefined) return [action];
  const delayMs = RETRY_MS[Math.min(tried.attempts, RETRY_MS.length) - 1] ?? 0;
  const waitMs = delayMs - elapsedMs(tried.last.at, now);
  return waitMs > 0 ? [{ do: 'wait', ms: waitMs }] : [action];
}

function exitCodeOf({ last }: Tried): number {
  return last.ok ? 0 : last.exitCode;
}

function complete(release: string | null, exitCode: number, now: ClockReading): Advance {
  return {
    do: 'advance',
    phase: { at: 'closed', outcome: 'reverted' },
    events: [
      {
        type: 'rollback_completed',
        reverted_to_release: release,
        exit_code: exitCode,
        completed_at: formatInstant(now.wallMs),
      },
    ],
  };
}
