/** What an event that was taken makes of the host that reported it. */
import { assertNever, invariant } from '../domain/errors.ts';
import {
  type AgentEvent,
  EVENT_LIMITS,
  type NumberedEvent,
  type RolloutHost,
  type RolloutPlan,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { lastBytes } from './last-bytes.ts';
import { declareProbes, noteProbe, recordStatus } from './probe-records.ts';
import { nextState } from './transitions.ts';

/**
 * `atMs` is the time of the entry, by the server's clock. What a person reads in the result is part of the fold: a
 * changed word would tell an old log otherwise than its rows do.
 */
export function evolveHost(host: RolloutHost, numbered: NumberedEvent, plan: RolloutPlan, atMs: number): RolloutHost {
  const { seq, event } = numbered;
  const state = nextState(host.state, event.type);
  const isTaken = state !== undefined && seq > host.lastSeq && !host.left;
  const where = `${host.state}, last event ${host.lastSeq}${host.left ? ', left' : ''}`;
  invariant(isTaken, `${quote(host.name)} (${where}) must not take event ${seq}, ${event.type}`);
  const stateSinceMs = state === host.state ? host.stateSinceMs : atMs;
  return { ...noteEvent(host, event, plan, atMs), state, lastSeq: seq, stateSinceMs };
}

/** Everything that the event says, apart from the state it leads to. */
function noteEvent(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, atMs: number): RolloutHost {
  switch (event.type) {
    case 'dispatch_ack':
      return { ...host, previousRelease: event.currentRelease };
    case 'activation_completed':
      return { ...host, soakDueAtMs: atMs + plan.policy.soakSeconds * 1000 };
    case 'activation_failed':
      return { ...host, failure: { failingProbes: [], output: evidence([event.stderrTail]), atMs } };
    case 'probe_topology_declared':
      return { ...host, probes: declareProbes(host.probes, event.probes) };
    case 'probe_observed_first':
      return { ...host, probes: noteProbe(host.probes, event.probe, event.mode) };
    case 'probe_result': {
      const { probe: name, mode, status, observedAtMs, failureReason: reason } = event;
      return { ...host, probes: recordStatus(host.probes, { name, mode, status, atMs: observedAtMs, reason }) };
    }
    case 'probe_failure_first': {
      const { probe: name, mode, firstFailedAtMs } = event;
      const seen = { name, mode, status: 'fail', atMs: firstFailedAtMs, reason: null } as const;
      return { ...host, probes: recordStatus(host.probes, seen) };
    }
    case 'failed':
      return { ...host, failure: { failingProbes: event.failingProbes, output: outputOf(host, event), atMs } };
    case 'activation_started':
    case 'activation_deferred':
    case 'rollback_completed':
    case 'converged':
      return host;
    default:
      return assertNever(event);
  }
}

/** Why it failed, from what is known of it: the last words of the failing probes, and the server's own verdict. */
function outputOf(host: RolloutHost, event: Extract<AgentEvent, { readonly type: 'failed' }>): string {
  const words = host.probes
    .filter((probe) => event.failingProbes.includes(probe.name) && probe.reason !== null)
    .map((probe) => `${probe.name}: ${probe.reason}`);
  if (host.telemetry?.status === 'regressed') words.push(`telemetry: ${host.telemetry.reason}`);
  return evidence(words);
}

function evidence(lines: readonly string[]): string {
  return lastBytes(lines.join('\n'), EVENT_LIMITS.maxOutputBytes);
}
