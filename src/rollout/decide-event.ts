/** Decides on what an agent reports: the entries that it comes to, or why it is refused. Nothing is folded here. */
import {
  type AgentEvent,
  EVENT_LIMITS,
  type NumberedEvent,
  type RolloutHost,
  type RolloutPlan,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { decideHalt } from './decide-end.ts';
import { type Decision, refuse } from './decision.ts';
import { failingEnforced } from './probe-records.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';
import { nextState } from './transitions.ts';

/**
 * `nowMs` is the server's clock. A number that is not new is for `classifySeq` first, and refused here. A failure beyond
 * the threshold brings the end of the rollout with it.
 */
export function decideEvent(rollout: RolloutState, name: string, numbered: NumberedEvent, nowMs: number): Decision {
  const host = rollout.host(name);
  if (host === undefined) return refuse(`${quote(name)} is not part of rollout ${rollout.plan.id}`);
  const { seq, event } = numbered;
  const { status } = rollout.progress;
  if (event.type === 'dispatch_ack' && status !== 'active') {
    // Its withdrawal may still be on its way through the same transaction.
    return refuse(`the rollout is ${status}: what it offered to ${quote(name)} is withdrawn`);
  }
  if (seq <= host.lastSeq) return refuse(`event ${seq} is not beyond the last one, ${host.lastSeq}`);
  if (host.left) return refuse(`${quote(name)} is archived: nothing is expected of it any more`);
  const state = nextState(host.state, event.type);
  if (state === undefined) return refuse(`a host that is ${host.state} reports no ${event.type} (event ${seq})`);
  const objection = objectTo(host, event, rollout.plan, nowMs);
  if (objection !== null) return refuse(objection);
  const reported: LaterEntry = { kind: 'host_reported', host: name, numbered };
  const halt = state === 'failed' ? decideHalt(rollout, name, failingProbesOf(event)) : null;
  return { ok: true, entries: halt === null ? [reported] : [reported, halt] };
}

function failingProbesOf(event: AgentEvent): readonly string[] {
  return event.type === 'failed' ? event.failingProbes : [];
}

/**
 * The conditions of the contract's table that a pair of state and type does not express: why an event of a legal type is
 * refused all the same, or null.
 */
function objectTo(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, nowMs: number): string | null {
  switch (event.type) {
    case 'dispatch_ack':
      return host.epoch === null
        ? `nothing is offered to ${quote(host.name)}: the offer was withdrawn or never made, so it must not act`
        : null;
    case 'activation_completed':
      return objectToRelease(host, event.observedRelease, plan);
    case 'probe_topology_declared':
      return event.probes.length > EVENT_LIMITS.maxProbes
        ? `${event.probes.length} probes are declared; at most ${EVENT_LIMITS.maxProbes} are taken`
        : null;
    case 'probe_observed_first':
    case 'probe_result':
    case 'probe_failure_first':
      return host.probes.length >= EVENT_LIMITS.maxProbes && !host.probes.some((probe) => probe.name === event.probe)
        ? `${quote(event.probe)} would be one more probe than the ${EVENT_LIMITS.maxProbes} that are taken`
        : null;
    case 'converged':
      return objectToRelease(host, event.currentRelease, plan) ?? objectToConvergence(host, plan, nowMs);
    default:
      return null;
  }
}

function objectToRelease(host: RolloutHost, release: string, plan: RolloutPlan): string | null {
  return release === plan.release
    ? null
    : `${quote(host.name)} runs ${release}, not the release of this rollout (${plan.release})`;
}

/** The soak must be over by the server's clock, and every `enforce` probe and the server's own verdict must agree. */
function objectToConvergence(host: RolloutHost, plan: RolloutPlan, nowMs: number): string | null {
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
