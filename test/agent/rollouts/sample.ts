/** Values that tests of rollouts start from. Every builder takes what matters to the test, and fills in the rest. */

import type { ClockReading, MonotonicClock } from '../../../agent/async/clock-reading.ts';
import type { ProjectContainer } from '../../../agent/docker/project-container.ts';
import type { Trouble } from '../../../agent/rollouts/decide/classify-trouble.ts';
import type { Observed, Tried } from '../../../agent/rollouts/decide/observed.ts';
import type {
  Phase,
  PhaseAt,
  Plan,
  PriorContainer,
  ProbeState,
  RolloutRecord,
  StackRecord,
} from '../../../agent/rollouts/record/stack-record.ts';
import type { Log } from '../../../src/domain/log.ts';

/** 2026-01-31T12:00:00.000Z, 1,000 s after the host was started. */
export const NOON: ClockReading = { wallMs: Date.UTC(2026, 0, 31, 12), monotonicMs: 1_000_000 };
export const NOON_TEXT = '2026-01-31T12:00:00.000Z';

export const V1 = `sha256:${'1'.repeat(64)}`;
export const V2 = `sha256:${'2'.repeat(64)}`;
export const V3 = `sha256:${'3'.repeat(64)}`;

/** So many seconds after noon; before it when negative. */
export function at(seconds: number): ClockReading {
  return { wallMs: NOON.wallMs + seconds * 1000, monotonicMs: NOON.monotonicMs + seconds * 1000 };
}

/** How the only container was before the rollout. */
export const WELL_BEFORE: PriorContainer = { service: 'web', state: 'running', health: null, exitCode: 0 };

/** The phase before anything of the release has been done. */
export function activating(changes: Partial<PhaseAt<'activating'>> = {}): PhaseAt<'activating'> {
  return {
    at: 'activating',
    since: NOON,
    touched: false,
    workSince: null,
    attempt: 0,
    isDeferred: false,
    trouble: null,
    ...changes,
  };
}

export function reverting(changes: Partial<PhaseAt<'reverting'>> = {}): PhaseAt<'reverting'> {
  return { at: 'reverting', touched: true, since: NOON, reported: null, ...changes };
}

export function container(changes: Partial<ProjectContainer> = {}): ProjectContainer {
  const service = changes.service ?? 'web';
  return {
    id: `id-of-${service}`,
    name: `shop-${service}-1`,
    service,
    release: V2,
    isOneOff: false,
    state: 'running',
    health: null,
    healthOutput: '',
    exitCode: 0,
    oomKilled: false,
    restartCount: 0,
    createdAtMs: NOON.wallMs - 600_000,
    startedAtMs: NOON.wallMs - 600_000,
    replaces: null,
    imageId: 'sha256:image',
    configHash: 'hash',
    ...changes,
  };
}

export function plan(changes: Partial<Plan> = {}): Plan {
  return {
    activationTimeoutMs: 60_000,
    sustainedFailureMs: 15_000,
    soakMs: 30_000,
    onHealthFailure: 'rollback-and-halt',
    pullBudgetMs: 300_000,
    maxRestarts: 0,
    rerunsJobs: false,
    confirmMs: 0,
    healsDrift: false,
    probes: [],
    services: [{ name: 'web', isJob: false }],
    ...changes,
  };
}

export function probe(changes: Partial<ProbeState> = {}): ProbeState {
  return {
    name: 'running:web',
    mode: 'enforce',
    status: 'pass',
    failingSince: null,
    reason: null,
    hasFailed: false,
    ...changes,
  };
}

export function soaking(changes: Partial<PhaseAt<'soaking'>> = {}): PhaseAt<'soaking'> {
  return {
    at: 'soaking',
    since: NOON,
    confirmed: NOON,
    soakMs: 30_000,
    probes: [probe()],
    restarts: { 'id-of-web': 0 },
    seenRestarts: {},
    crashes: {},
    notBefore: null,
    ...changes,
  };
}

export function rollout(phase: Phase, changes: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    id: 'r2',
    release: V2,
    epoch: 7,
    fallback: V1,
    before: [WELL_BEFORE],
    images: null,
    soakMs: 30_000,
    plan: plan(),
    regressed: null,
    isSilent: false,
    nextSeq: 5,
    outbox: [],
    phase,
    ...changes,
  };
}

export function record(of: RolloutRecord | null, changes: Partial<StackRecord> = {}): StackRecord {
  return {
    version: 1,
    stack: 'shop',
    bootId: 'boot-1',
    taken: of === null ? null : { rolloutId: of.id, epoch: of.epoch },
    kept: [V1, V2],
    rollout: of,
    guarded: null,
    ...changes,
  };
}

export function observed(changes: Partial<Observed> = {}): Observed {
  return {
    containers: [container()],
    runs: new Map(),
    seenSince: NOON,
    unseen: null,
    tried: {},
    plan: plan(),
    wasInterrupted: false,
    exitCodes: new Map(),
    readings: [],
    images: null,
    ...changes,
  };
}

export function succeeded(attempts = 1, when = NOON): Tried {
  return { attempts, last: { ok: true, at: when } };
}

export function failed(
  output: string,
  changes: {
    attempts?: number;
    exitCode?: number;
    isFinal?: boolean;
    when?: ClockReading;
    trouble?: Trouble | null;
  } = {},
): Tried {
  const { attempts = 1, exitCode = 1, isFinal = false, when = NOON, trouble = null } = changes;
  return { attempts, last: { ok: false, at: when, exitCode, output, isFinal, trouble } };
}

/** A clock that stands still until it is moved. */
export class HandClock implements MonotonicClock {
  bootId = 'boot-1';
  moment = NOON;

  now(): ClockReading {
    return this.moment;
  }
}

/** Keeps what was logged, as `level message`. */
export class MemoryLog implements Log {
  readonly lines: string[] = [];

  debug(_fields: Record<string, unknown>, message: string): void {
    this.lines.push(`debug ${message}`);
  }

  info(_fields: Record<string, unknown>, message: string): void {
    this.lines.push(`info ${message}`);
  }

  warn(_fields: Record<string, unknown>, message: string): void {
    this.lines.push(`warn ${message}`);
  }

  error(_fields: Record<string, unknown>, message: string): void {
    this.lines.push(`error ${message}`);
  }
}
