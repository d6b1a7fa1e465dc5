/** What an event that was taken makes of the host that reported it. */
import { assertNever, invariant } from '../domain/errors.ts';
import { formatInstant } from '../domain/instant.ts';
import {
  type AgentEvent,
  EVENT_LIMITS,
  type NumberedEvent,
  type RolloutHost,
  type RolloutPlan,
  type ServiceEvidence,
  soakSecondsOf,
} from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { describeEvidence } from './describe-evidence.ts';
import { lastBytes } from './last-bytes.ts';
import { declareProbes, noteProbe, recordStatus } from './probe-records.ts';
import { readDeferral } from './read-deferral.ts';
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
  return { ...noteEvent(host, event, plan, atMs), state, lastSeq: seq, stateSinceMs, lost: null };
}

/** A host that was lost, and has failed by that. Its words say when it was last heard, by the server's clock. */
export function evolveLoss(host: RolloutHost, plan: RolloutPlan, sinceMs: number, atMs: number): RolloutHost {
  const limit = `${plan.policy.activationTimeoutSeconds} s (activation_timeout_seconds)`;
  const output = `offline since ${formatInstant(sinceMs)}, which is longer than ${limit}`;
  const failure = { failingProbes: [], output, atMs, trouble: 'lost', evidence: [] } as const;
  return { ...host, state: 'failed', stateSinceMs: atMs, deferral: null, failure, lost: { sinceMs, atMs } };
}

/** Everything that the event says, apart from the state it leads to. */
function noteEvent(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, atMs: number): RolloutHost {
  switch (event.type) {
    case 'dispatch_ack':
      return { ...host, previousRelease: event.currentRelease, refusal: null };
    case 'dispatch_refused': {
      const { reason, detail } = event;
      const count = (host.refusal?.count ?? 0) + 1;
      return { ...host, epoch: null, dispatchedAtMs: null, refusal: { reason, detail, atMs, count } };
    }
    case 'activation_completed':
      return {
        ...host,
        soakDueAtMs: atMs + soakSecondsOf(plan, host.wave) * 1000,
        deferral: null,
        images: event.images ?? [],
      };
    case 'activation_deferred':
      return { ...host, deferral: { ...readDeferral(event.reason), atMs } };
    case 'activation_failed': {
      const { trouble = null, evidence = [], stderrTail } = event;
      const failure = {
        failingProbes: [],
        output: cut([describeEvidence(evidence), stderrTail]),
        atMs,
        trouble,
        evidence: bound(evidence),
      };
      return { ...host, failure, deferral: null };
    }
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
    case 'failed': {
      const { failingProbes, evidence = [] } = event;
      const output = cut([describeEvidence(evidence), outputOf(host, event)]);
      return { ...host, failure: { failingProbes, output, atMs, trouble: null, evidence: bound(evidence) } };
    }
    case 'rollback_failed': {
      const { exitCode, outputTail } = event;
      return { ...host, rollbackFailure: { exitCode, output: cut([outputTail]), atMs } };
    }
    case 'rollback_completed': {
      const { exitCode, outputTail } = event;
      return {
        ...host,
        rollbackFailure: outputTail === undefined ? null : { exitCode, output: cut([outputTail]), atMs },
      };
    }
    case 'activation_started':
      // What it has waited for is over.
      return { ...host, deferral: null };
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
  return words.join('\n');
}

/** The end of it: what comes last is what counts most. */
function cut(parts: readonly string[]): string {
  return lastBytes(parts.filter((part) => part !== '').join('\n'), EVENT_LIMITS.maxOutputBytes);
}

/** The wire bounds characters, and a row is bounded in bytes: each service keeps its share of them. */
function bound(services: readonly ServiceEvidence[]): readonly ServiceEvidence[] {
  const share = Math.floor(EVENT_LIMITS.maxEvidenceBytes / Math.max(1, services.length));
  const bytes = services.reduce((sum, { logTail }) => sum + new TextEncoder().encode(logTail).length, 0);
  if (bytes <= EVENT_LIMITS.maxEvidenceBytes) return services;
  return services.map((service) => ({ ...service, logTail: lastBytes(service.logTail, share) }));
}
