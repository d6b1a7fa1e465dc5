/**
 * What a host may report in which state, and where that leads: the contract's table, as data. A pair that is not here
 * is refused. The agent decides by the same table.
 */
import type { AgentEventType, HostState } from '../domain/rollout.ts';

export const TRANSITIONS = {
  pending: { dispatch_ack: 'activating' },
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
  failed: { rollback_completed: 'reverted' },
  converged: {},
  reverted: {},
} as const satisfies Record<HostState, Partial<Record<AgentEventType, HostState>>>;

/** The state that an event leads to; undefined: the pair is refused. */
export function nextState(state: HostState, type: AgentEventType): HostState | undefined {
  const row: Partial<Record<AgentEventType, HostState>> = TRANSITIONS[state];
  return row[type];
}
