/** Rollouts and hosts at noon, as the API answers them. */
import { DEFAULT_POLICY, DEFAULT_TELEMETRY_LIMITS, type ReleasePolicy } from '../../src/domain/release.ts';
import type { RolloutSnapshot } from '../../src/explain/snapshot.ts';
import type { RolloutBody, RolloutHostBody } from '../../src/wire/rollout.ts';
import { SHOP_1_4, sampleRollout } from '../client/sample-rollouts.ts';

const NOON_MS = Date.UTC(2026, 4, 1, 12);

/** Ten minutes to activate, a minute of soak, fifteen seconds of failure, and rollback. */
export const POLICY: ReleasePolicy = {
  ...DEFAULT_POLICY,
  activationTimeoutSeconds: 600,
  soakSeconds: 60,
  sustainedFailureSeconds: 15,
  onHealthFailure: 'rollback-and-halt',
};
export const HALTING: ReleasePolicy = { ...POLICY, onHealthFailure: 'halt' };

export function withTelemetry(mode: 'required' | 'off'): ReleasePolicy {
  return { ...POLICY, telemetry: { ...DEFAULT_TELEMETRY_LIMITS, mode } };
}

export interface Given {
  readonly host: Partial<RolloutHostBody>;
  readonly rollout?: Partial<RolloutBody>;
  readonly policy?: ReleasePolicy;
}

export function snapshotOf(given: Omit<Given, 'host'>, hosts: readonly RolloutHostBody[]): RolloutSnapshot {
  return {
    rollout: sampleRollout(hosts, given.rollout),
    policy: given.policy ?? POLICY,
    releaseNames: new Map([[SHOP_1_4, 'shop 1.4 (4f2a9c01b7de)']]),
    nowMs: NOON_MS,
  };
}

export const ACTIVE = { epoch: 3, dispatched_at: '2026-05-01T11:59:20.000Z', previous_release: SHOP_1_4 };
export const SOAKING: Partial<RolloutHostBody> = {
  ...ACTIVE,
  state: 'soaking',
  state_since: '2026-05-01T11:59:38.000Z',
  soak_due_at: '2026-05-01T12:00:38.000Z',
};
export const FRONT = { name: 'front', mode: 'enforce', since: '2026-05-01T11:59:52.000Z', reason: null };
export const FAILED: Partial<RolloutHostBody> = {
  ...ACTIVE,
  state: 'failed',
  state_since: '2026-05-01T11:59:30.000Z',
  failure: {
    failing_probes: ['front'],
    output: 'front: HTTP 502',
    at: '2026-05-01T11:59:30.000Z',
    trouble: null,
    evidence: [],
  },
};

export function verdict(status: string, reason: string) {
  return { status, since: '2026-05-01T11:59:48.000Z', reason, figures: {} };
}
