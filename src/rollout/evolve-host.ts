/** One host, one event: what the host is afterwards, or why the event is refused. */
import { assertNever } from '../domain/errors.ts';
import type { AgentEvent, NumberedEvent, RolloutHost, RolloutPlan } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { lastBytes } from './last-bytes.ts';
import { objectToEvent } from './object-to-event.ts';
import { declareProbes, noteProbe, recordStatus } from './probe-records.ts';
import { nextState } from './transitions.ts';

/** What is kept of the output of a failure. */
export const MAX_EVIDENCE_BYTES = 8192;

export type Stepped =
  | { readonly ok: true; readonly host: RolloutHost }
  /** A sentence for whoever reads the agent's log; the state is unchanged. */
  | { readonly ok: false; readonly refusal: string };

/** `nowMs` is the server's clock. A number that is not new is for {@link judgeSeq} first, and refused here. */
export function step(host: RolloutHost, numbered: NumberedEvent, plan: RolloutPlan, nowMs: number): Stepped {
  const { seq, event } = numbered;
  if (seq <= host.lastSeq) return { ok: false, refusal: `event ${seq} is not beyond the last one, ${host.lastSeq}` };
  if (host.left) return { ok: false, refusal: `${quote(host.name)} is archived: nothing is expected of it any more` };
  const state = nextState(host.state, event.type);
  if (state === undefined) {
    return { ok: false, refusal: `a host that is ${host.state} reports no ${event.type} (event ${seq})` };
  }
  const refusal = objectToEvent(host, event, plan, nowMs);
  if (refusal !== null) return { ok: false, refusal };
  const stateSinceMs = state === host.state ? host.stateSinceMs : nowMs;
  return { ok: true, host: { ...absorb(host, event, plan, nowMs), state, lastSeq: seq, stateSinceMs } };
}

function absorb(host: RolloutHost, event: AgentEvent, plan: RolloutPlan, nowMs: number): RolloutHost {
  switch (event.type) {
    case 'dispatch_ack':
      return { ...host, previousRelease: event.currentRelease };
    case 'activation_completed':
      return { ...host, soakDueAtMs: nowMs + plan.policy.soakSeconds * 1000 };
    case 'activation_failed':
      return { ...host, failure: { failingProbes: [], output: evidence([event.stderrTail]), atMs: nowMs } };
    case 'probe_topology_declared':
      return { ...host, probes: declareProbes(host.probes, event.probes) };
    case 'probe_observed_first':
      return { ...host, probes: noteProbe(host.probes, event.probe, event.mode) };
    case 'probe_result': {
      const { probe: name, mode, status, observedAtMs: atMs, failureReason: reason } = event;
      return { ...host, probes: recordStatus(host.probes, { name, mode, status, atMs, reason }) };
    }
    case 'probe_failure_first': {
      const { probe: name, mode, firstFailedAtMs: atMs } = event;
      return { ...host, probes: recordStatus(host.probes, { name, mode, status: 'fail', atMs, reason: null }) };
    }
    case 'failed':
      return { ...host, failure: { failingProbes: event.failingProbes, output: outputOf(host, event), atMs: nowMs } };
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
  return lastBytes(lines.join('\n'), MAX_EVIDENCE_BYTES);
}
