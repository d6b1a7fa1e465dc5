/** Decides what an agent's event comes to: entries, or a refusal. Nothing is folded here. */
import { assertNever } from '../domain/errors.ts';
import {
  type AgentEvent,
  EVENT_LIMITS,
  type NumberedEvent,
  type RolloutHost,
  type RolloutPlan,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { decideHalt, type FailureCause } from './decide-end.ts';
import { type Decision, refuse } from './decision.ts';
import { failingEnforced } from './probe-records.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';
import { nextState } from './transitions.ts';

/**
 * `nowMs` is the server's clock. Duplicates are told apart by `classifySeq` before; here a number that is not new is
 * refused. A failure beyond the threshold also ends the rollout.
 */
export function decideEvent(rollout: RolloutState, name: string, numbered: NumberedEvent, nowMs: number): Decision {
  const host = rollout.host(name);
  if (host === undefined) return refuse(`${quote(name)} is not part of rollout ${rollout.plan.id}`);
  const { seq, event } = numbered;
  const { status } = rollout.progress;
  if (event.type === 'dispatch_ack' && status !== 'active') {
    // The withdrawal itself may come later in the same transaction.
    return refuse(`the rollout is ${status}, so its offer to ${quote(name)} is withdrawn`);
  }
  if (seq <= host.lastSeq) return refuse(`event ${seq} must have a higher number than the last one, ${host.lastSeq}`);
  if (host.left) {
    const why = host.dropped === null ? 'is archived' : `was dropped (${host.dropped})`;
    return refuse(`${quote(name)} ${why} and no longer takes part`);
  }
  const state = nextState(host.state, event.type);
  if (state === undefined) return refuse(`a host that is ${host.state} cannot report ${event.type} (event ${seq})`);
  const objection = objectTo(host, event, rollout.plan, nowMs);
  if (objection !== null) return refuse(objection);
  const reported: LaterEntry = { kind: 'host_reported', host: name, numbered };
  const halt = state === 'failed' ? decideHalt(rollout, host, causeOf(event)) : null;
  return { ok: true, entries: halt === null ? [reported] : [reported, halt] };
}

function causeOf(event: AgentEvent): FailureCause {
  const trouble = event.type === 'activation_failed' ? (event.trouble ?? null) : null;
  return { trouble, failingProbes: event.type === 'failed' ? event.failingProbes : [] };
}

/**
 * Checks what the table of states and types does not express. Returns why an event of a legal type is refused all the
 * same, as a sentence, or null.
 */
function objectTo(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, nowMs: number): string | null {
  switch (event.type) {
    case 'dispatch_ack':
    case 'dispatch_refused':
      return host.epoch === null
        ? `nothing is offered to ${quote(host.name)}: the offer was withdrawn or never made, so it must not act`
        : null;
    case 'activation_completed':
      return objectToRelease(host, event.observedRelease, plan);
    case 'probe_topology_declared':
      return event.probes.length > EVENT_LIMITS.maxProbes
        ? `${event.probes.length} probes are declared; at most ${EVENT_LIMITS.maxProbes} are allowed`
        : null;
    case 'probe_observed_first':
    case 'probe_result':
    case 'probe_failure_first':
      return host.probes.length >= EVENT_LIMITS.maxProbes && !host.probes.some((probe) => probe.name === event.probe)
        ? `${quote(event.probe)} would be one probe more than the ${EVENT_LIMITS.maxProbes} allowed`
        : null;
    case 'converged':
      return objectToRelease(host, event.currentRelease, plan) ?? objectToConvergence(host, plan, nowMs);
    case 'activation_started':
    case 'activation_deferred':
    case 'activation_failed':
    case 'failed':
    case 'rollback_completed':
    case 'rollback_failed':
      return null;
    default:
      return assertNever(event);
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
  if (leftMs > 0) return `the soak of ${quote(host.name)} has ${Math.ceil(leftMs / 1000)} s left by the server's clock`;
  const failing = failingEnforced(host.probes);
  if (failing.length > 0) return `probes are failing: ${failing.map((probe) => quote(probe.name)).join(', ')}`;
  const verdict = host.telemetry;
  if (verdict?.status === 'watch' || verdict?.status === 'regressed') {
    return `telemetry speaks against it: ${verdict.reason}`;
  }
  if (plan.policy.telemetry.mode === 'required' && verdict?.status !== 'ok') {
    return `the release requires telemetry, and the soak is ${verdict?.reason ?? 'not judged yet'}`;
  }
  return null;
}
