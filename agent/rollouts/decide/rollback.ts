/** Decides how to go back to what ran before, for as long as it takes: a host never stays between two releases. */
import { formatInstant } from '../../../src/domain/instant.ts';
import { EVENT_LIMITS } from '../../../src/domain/rollout.ts';
import { lastBytes } from '../../../src/rollout/last-bytes.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Advance } from '../record/advance.ts';
import type { PhaseAt, Plan, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { compareServices, listEndedJobs } from './compare-services.ts';
import { isStubborn, type Observed, type Tried } from './observed.ts';
import { deployedContainers, type ProjectState, readProject } from './read-project.ts';

const ENGINE_AGAIN_MS = 1_000;
const FOREIGN_AGAIN_MS = 60_000;
const LIMIT_MS = 600_000;
/** Waits before the first repetition, the second and so on; the last one holds for all after it. */
const RETRY_MS = [1_000, 5_000, 15_000, 30_000, 60_000] as const;
/** After so many attempts of a step the way back counts as failed, and goes on. */
const TRIES = 3;
/** A way back that waits for the engine counts as failed after this long. */
const ENGINE_PATIENCE_MS = 120_000;
/** A failure with another reason is reported no sooner than this after the last one. */
const REPORT_AGAIN_MS = 600_000;

export function decideRollback(
  rollout: RolloutRecord,
  phase: PhaseAt<'reverting'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const { containers, tried, unseen } = observed;
  if (containers === null) {
    const isPatient = unseen === null || elapsedMs(unseen.since, now) < ENGINE_PATIENCE_MS;
    return isPatient
      ? [{ do: 'wait', ms: ENGINE_AGAIN_MS }]
      : reportOr(phase, -1, `the Docker Engine does not answer: ${unseen.reason}`, now, {
          do: 'wait',
          ms: ENGINE_AGAIN_MS,
        });
  }
  const project = readProject(containers);
  // What ran before may be gone although nothing was touched: this rollout may have taken over from an unfinished one.
  if (!phase.touched && (project.kind === 'foreign' || isOnly(project, rollout.fallback))) {
    return [complete(releaseOf(project), 0, null, now)];
  }
  if (project.kind === 'foreign') {
    // Either way back would remove containers that Nexus has not deployed.
    if (project.releases.length === 0) return [complete(null, 0, null, now)];
    const reason = `this project has containers by now that Nexus has not deployed (${project.names.slice(0, 5).join(', ')}), and they are left alone`;
    return reportOr(phase, -1, reason, now, { do: 'wait', ms: FOREIGN_AGAIN_MS });
  }
  const { fallback } = rollout;
  if (fallback === null) {
    if (tried.down !== undefined && project.kind === 'nothing') {
      return [complete(null, exitCodeOf(tried.down), outputOf(tried.down), now)];
    }
    const action = again(tried.down, now, { do: 'down', limitMs: LIMIT_MS });
    return hasFailed(tried.down)
      ? reportOr(phase, exitCodeOf(tried.down), outputOf(tried.down), now, action)
      : [action];
  }
  const way = bringBack(rollout, fallback, { ...observed, containers }, now);
  if (way.kind === 'there') return [complete(fallback, way.exitCode, way.reason, now)];
  return way.failure === null
    ? [way.action]
    : reportOr(phase, way.failure.exitCode, way.failure.output, now, way.action);
}

export type WayBack =
  /** `reason`: what is as unwell as it was before; null when nothing is. */
  | { readonly kind: 'there'; readonly exitCode: number; readonly reason: string | null }
  | {
      readonly kind: 'on the way';
      readonly action: Action;
      /** Set once it has been tried so often that it counts as failed. */
      readonly failure: { readonly exitCode: number; readonly output: string } | null;
    };

/**
 * The next step towards `fallback`: what ran before, whole, and as well as it was. Its jobs that had ended are left
 * alone, unless the release wants them run again.
 */
export function bringBack(
  rollout: RolloutRecord,
  fallback: string,
  observed: Observed & { readonly containers: readonly ProjectContainer[] },
  now: ClockReading,
): WayBack {
  const { containers, tried, plan } = observed;
  if (tried.prepare?.last.ok !== true || plan === null) {
    return onTheWay(again(tried.prepare, now, { do: 'prepare', release: fallback, limitMs: LIMIT_MS }), tried.prepare);
  }
  const { pull, up } = tried;
  const except = rollout.plan?.rerunsJobs === true ? [] : leftAlone(plan, rollout);
  const others = deployedContainers(containers).filter(
    ({ release, service }) => release !== fallback && !except.includes(service),
  );
  const own = containers.filter(({ release }) => release === fallback);
  const { isWell, isAsBefore, reason } = compareServices(plan, own, rollout.before, except);
  if (up !== undefined && others.length === 0) {
    if (isWell) return { kind: 'there', exitCode: 0, reason: null };
    if (isAsBefore && up.attempts >= TRIES) return { kind: 'there', exitCode: exitCodeOf(up), reason };
  }
  const left = others.map(({ name }) => `container ${name} is of another release`).join('; ');
  const failure = hasFailed(up) ? { exitCode: exitCodeOf(up), output: explain(up, pull, left || reason) } : null;
  if (pull?.last.ok !== true && (pull?.attempts ?? 0) <= (up?.attempts ?? 0)) {
    // Its images are usually still here. When one is gone and cannot be pulled, `up` is tried all the same.
    const action: Action = { do: 'pull', release: fallback, onlyMissing: true, limitMs: LIMIT_MS };
    return { kind: 'on the way', action, failure };
  }
  // Compose leaves a container as it is that is the same in both releases, and only a new one gets well.
  const bringUp: Action = {
    do: 'up',
    release: fallback,
    afresh: isStubborn(up),
    renew: true,
    except,
    limitMs: LIMIT_MS,
  };
  return { kind: 'on the way', action: again(up, now, bringUp), failure };
}

/** All that was printed, and in the last line, which is shown first, what it comes to. */
function explain(up: Tried, pull: Tried | undefined, state: string): string {
  const summary = joinParts([lastLineOf(up), lastLineOf(pull), state], '; ');
  return joinParts([outputOf(pull), outputOf(up), summary], '\n');
}

/** A stack of nothing but ended jobs has nothing else to go back to: they are run again. */
function leftAlone(plan: Plan, { before }: RolloutRecord): string[] {
  const ended = listEndedJobs(plan, before);
  return ended.length === plan.services.length ? [] : ended;
}

/** Each part once: Compose and the containers often say the same. */
function joinParts(parts: readonly string[], separator: string): string {
  return [...new Set(parts)].filter((part) => part !== '').join(separator);
}

function lastLineOf(tried: Tried | undefined): string {
  const output = outputOf(tried);
  return output.slice(output.lastIndexOf('\n') + 1).replace(/^Error response from daemon: /, '');
}

function onTheWay(action: Action, tried: Tried | undefined): WayBack {
  const failure = hasFailed(tried) ? { exitCode: exitCodeOf(tried), output: outputOf(tried) } : null;
  return { kind: 'on the way', action, failure };
}

/** Whether this release runs, or nothing for null, and no container of another one. */
function isOnly(project: ProjectState, release: string | null): boolean {
  return project.kind !== 'mixed' && releaseOf(project) === release;
}

function releaseOf(project: ProjectState): string | null {
  return project.kind === 'release' ? project.release : null;
}

function hasFailed(tried: Tried | undefined): tried is Tried {
  return tried !== undefined && tried.attempts >= TRIES;
}

function again(tried: Tried | undefined, now: ClockReading, action: Action): Action {
  if (tried === undefined) return action;
  const delayMs = RETRY_MS[Math.min(tried.attempts, RETRY_MS.length) - 1] ?? 0;
  const waitMs = delayMs - elapsedMs(tried.last.at, now);
  return waitMs > 0 ? { do: 'wait', ms: waitMs } : action;
}

function exitCodeOf({ last }: Tried): number {
  return last.ok ? 0 : last.exitCode;
}

function outputOf(tried: Tried | undefined): string {
  return tried === undefined || tried.last.ok ? '' : tried.last.output;
}

/** Reports that the way back does not succeed, once for each reason; otherwise goes on with `action`. */
function reportOr(
  phase: PhaseAt<'reverting'>,
  exitCode: number,
  output: string,
  now: ClockReading,
  action: Action,
): Action[] {
  const tail = lastBytes(output, EVENT_LIMITS.maxOutputBytes).toWellFormed();
  const { reported } = phase;
  const isKnown = reported !== null && (reported.output === tail || elapsedMs(reported.at, now) < REPORT_AGAIN_MS);
  if (isKnown) return [action];
  return [
    {
      do: 'advance',
      phase: { ...phase, reported: { output: tail, at: now } },
      events: [
        { type: 'rollback_failed', exit_code: exitCode, output_tail: tail, failed_at: formatInstant(now.wallMs) },
      ],
    },
  ];
}

function complete(release: string | null, exitCode: number, output: string | null, now: ClockReading): Advance {
  const tail =
    output === null || output === ''
      ? {}
      : { output_tail: lastBytes(output, EVENT_LIMITS.maxOutputBytes).toWellFormed() };
  return {
    do: 'advance',
    phase: { at: 'closed', outcome: 'reverted' },
    events: [
      {
        type: 'rollback_completed',
        reverted_to_release: release,
        exit_code: exitCode,
        completed_at: formatInstant(now.wallMs),
        ...tail,
      },
    ],
  };
}
