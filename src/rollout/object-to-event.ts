/** The conditions of the contract's table that a pair of state and type does not express. */
import type { AgentEvent, RolloutHost, RolloutPlan } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { failingEnforced, MAX_PROBES } from './probe-records.ts';

type EventOf<T extends AgentEvent['type']> = Extract<AgentEvent, { readonly type: T }>;

/** Why an event of a legal type is refused all the same, as a sentence; null: it is taken. */
export function objectToEvent(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, nowMs: number): string | null {
  switch (event.type) {
    case 'dispatch_ack':
      return host.epoch === null
        ? `nothing is offered to ${quote(host.name)}: the offer was withdrawn or never made, so it must not act`
        : null;
    case 'activation_completed':
      return event.observedRelease === plan.release
        ? null
        : `${quote(host.name)} runs ${event.observedRelease}, not the release of this rollout (${plan.release})`;
    case 'probe_topology_declared':
      return event.probes.length > MAX_PROBES
        ? `${event.probes.length} probes are declared; at most ${MAX_PROBES} are taken`
        : null;
    case 'probe_observed_first':
    case 'probe_result':
    case 'probe_failure_first':
      return host.probes.length >= MAX_PROBES && !host.probes.some((probe) => probe.name === event.probe)
        ? `'${event.probe}' would be one more probe than the ${MAX_PROBES} that are taken`
        : null;
    case 'converged':
      return objectToConverged(host, event, plan, nowMs);
    default:
      return null;
  }
}

/** Every `enforce` probe and the server's own look must agree, by the server's clock. */
function objectToConverged(
  host: RolloutHost,
  event: EventOf<'converged'>,
  plan: RolloutPlan,
  nowMs: number,
): string | null {
  if (event.currentRelease !== plan.release) {
    return `${quote(host.name)} runs ${event.currentRelease}, not the release of this rollout (${plan.release})`;
  }
  const leftMs = host.soakDueAtMs === null ? Number.POSITIVE_INFINITY : host.soakDueAtMs - nowMs;
  if (leftMs > 0)
    return `the soak of ${quote(host.name)} has ${Math.ceil(leftMs / 1000)} s to go by the server's clock`;
  const failing = failingEnforced(host.probes);
  if (failing.length > 0) return `probes are failing: ${failing.map((probe) => quote(probe.name)).join(', ')}`;
  const verdict = host.telemetry;
  if (verdict?.status === 'watch' || verdict?.status === 'regressed') return `telemetry holds: ${verdict.reason}`;
  if (plan.policy.telemetry.mode === 'required' && verdict?.status !== 'ok') {
    return 'the release requires telemetry, and none of its stack has been judged in this soak';
  }
  return null;
}
