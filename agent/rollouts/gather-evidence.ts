/** What failing services leave behind: read from the engine while their containers are still there. */
import { EVENT_LIMITS } from '../../src/domain/rollout.ts';
import { lastBytes } from '../../src/rollout/last-bytes.ts';
import type { AgentEventBody } from '../../src/wire/agent-event.ts';
import type { ProjectContainer } from '../docker/project-container.ts';
import { failureReasonOf } from './decide/judge-activation.ts';
import { deployedContainers } from './decide/read-project.ts';
import type { EventDraft, RolloutRecord } from './record/stack-record.ts';

type Failed = Extract<AgentEventBody['event'], { readonly type: 'failed' }>;
type Evidence = NonNullable<Failed['evidence']>;

/** Reads the last lines that a container has printed; rejects where they cannot be read. */
export type ReadLog = (containerId: string) => Promise<string>;

/** One entry for each failing service, by its most telling container. Never throws: a log that cannot be read is empty. */
export async function gatherEvidence(
  containers: readonly ProjectContainer[],
  rollout: RolloutRecord,
  readLog: ReadLog,
): Promise<Evidence> {
  const failing = chooseFailing(containers, rollout).slice(0, EVENT_LIMITS.maxEvidence);
  const share = Math.floor(EVENT_LIMITS.maxEvidenceBytes / Math.max(1, failing.length));
  return Promise.all(
    failing.map(async (container) => {
      const log = await readLog(container.id).catch(() => '');
      return {
        service: container.service.slice(0, EVENT_LIMITS.maxProbeNameLength),
        exit_code: exitCodeOf(container, rollout),
        oom_killed: container.oomKilled,
        log_tail: lastBytes(log, share).toWellFormed(),
      };
    }),
  );
}

export function withEvidence(events: readonly EventDraft[], evidence: Evidence): EventDraft[] {
  return events.map((event) =>
    event.type === 'failed' || event.type === 'activation_failed' ? { ...event, evidence } : event,
  );
}

function chooseFailing(containers: readonly ProjectContainer[], rollout: RolloutRecord): ProjectContainer[] {
  const jobs = new Set((rollout.plan?.services ?? []).filter(({ isJob }) => isJob).map(({ name }) => name));
  const byService = new Map<string, ProjectContainer>();
  for (const container of deployedContainers(containers)) {
    const isFailing =
      container.release === rollout.release &&
      (failureReasonOf(container, jobs.has(container.service)) !== null || hasCrashed(container, rollout));
    if (!isFailing) continue;
    const known = byService.get(container.service);
    if (known === undefined || isMoreTelling(container, known)) byService.set(container.service, container);
  }
  return [...byService.values()].sort((a, b) => Number(isMoreTelling(b, a)) - Number(isMoreTelling(a, b)));
}

/** One that has ended by itself tells more than one that was never started, because it waits for the former. */
function isMoreTelling(a: ProjectContainer, b: ProjectContainer): boolean {
  return rank(a) > rank(b);
}

function rank({ state, exitCode, oomKilled }: ProjectContainer): number {
  if (oomKilled) return 3;
  if (state === 'created') return 0;
  return exitCode === 0 ? 1 : 2;
}

function hasCrashed({ id, restartCount }: ProjectContainer, { phase }: RolloutRecord): boolean {
  return phase.at === 'soaking' ? phase.crashes[id] !== undefined : restartCount > 0;
}

/** A container that was restarted runs again: its last crash counts. */
function exitCodeOf({ id, state, exitCode }: ProjectContainer, { phase }: RolloutRecord): number | null {
  if (state !== 'running') return state === 'created' ? null : exitCode;
  return phase.at === 'soaking' ? (phase.crashes[id]?.lastExitCode ?? null) : null;
}
