/**
 * What may happen when, as data: which event of an agent each state of a host takes and where it leads (the contract's
 * table, which the agent uses as well), and in which status a rollout takes each entry. Everything else is refused.
 */
import type { AgentEventType, HostState, RolloutStatus } from '../domain/rollout.ts';
import type { LaterEntry } from './rollout-state.ts';

const TRANSITIONS = {
  pending: { dispatch_ack: 'activating', dispatch_refused: 'pending' },
  activating: {
    activation_started: 'activating',
    activation_completed: 'soaking',
    activation_deferred: 'deferred',
    activation_failed: 'failed',
  },
  deferred: {
    activation_started: 'deferred',
    activation_completed: 'soaking',
    activation_failed: 'failed',
  },
  soaking: {
    probe_topology_declared: 'soaking',
    probe_observed_first: 'soaking',
    probe_result: 'soaking',
    probe_failure_first: 'soaking',
    failed: 'failed',
    converged: 'converged',
  },
  failed: { rollback_completed: 'reverted', rollback_failed: 'failed' },
  converged: {},
  reverted: {},
} as const satisfies Record<HostState, Partial<Record<AgentEventType, HostState>>>;

/** The state that an event leads to; undefined: the pair is refused. */
export function nextState(state: HostState, type: AgentEventType): HostState | undefined {
  const row: Partial<Record<AgentEventType, HostState>> = TRANSITIONS[state];
  return row[type];
}

/** Null: any status. The hosts of a rollout that is over still report, and may still leave it. */
const TAKEN_IN = {
  rollout_paused: ['active'],
  rollout_resumed: ['paused'],
  rollout_aborted: ['active', 'paused'],
  rollout_superseded: ['active', 'paused'],
  rollout_halted: ['active', 'paused'],
  rollout_converged: ['active', 'paused'],
  wave_promoted: ['active'],
  host_dispatched: ['active'],
  dispatch_withdrawn: null,
  host_reported: null,
  telemetry_judged: null,
  host_left: null,
  rollout_stalled: null,
  host_lost: null,
  host_returned: null,
  soak_restarted: null,
  host_dropped: null,
} as const satisfies Record<LaterEntry['kind'], readonly RolloutStatus[] | null>;

export function isTakenIn(status: RolloutStatus, kind: LaterEntry['kind']): boolean {
  const statuses: readonly RolloutStatus[] | null = TAKEN_IN[kind];
  return statuses === null || statuses.includes(status);
}
