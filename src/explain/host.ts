/** Why a host is where it is, in a sentence that otherwise would have to be pieced together from five places. */
import { assertNever } from '../domain/errors.ts';
import { TELEMETRY_PROBE } from '../domain/rollout.ts';
import { describeSilence, endSentence, formatAgo, formatSpan, quote } from '../domain/words.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import { describeDeferral, enforcedProbes, failingProbes, failureWords, hostTone } from './host-summary.ts';
import { isUnsettled, lastLine } from './log-entry.ts';
import {
  hasEnded,
  nameOfDigest,
  owesRollback,
  type RolloutSnapshot,
  releaseOf,
  secondsSince,
  secondsUntil,
  stageOf,
} from './snapshot.ts';
import type { Sentence } from './tone.ts';

/** How long a host has been in its state. */
function inState(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  return formatSpan(secondsSince(host.state_since, snapshot.nowMs));
}

/** When a host entered its state. */
function sinceState(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  return formatAgo(secondsSince(host.state_since, snapshot.nowMs));
}

/** ` (reason)`, or nothing. */
function inParentheses(reason: string): string {
  return reason === '' ? '' : ` (${reason})`;
}

function explainPending(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const { rollout } = snapshot;
  if (hasEnded(rollout)) {
    const end = rollout.state === 'converged' ? 'converged' : `was ${rollout.state}`;
    return `was not touched: the rollout ${end} before its turn${inParentheses(rollout.reason)}`;
  }
  const waited = inState(snapshot, host);
  if (host.held_by === null) return `has been pending for ${waited}; nothing holds it, so it is next`;
  return `has been pending for ${waited}, held by the ${quote(host.held_by.gate)} gate: ${host.held_by.reason}`;
}

function explainOffered(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const since = host.dispatched_at === null ? '' : ` ${formatAgo(secondsSince(host.dispatched_at, snapshot.nowMs))}`;
  if (host.refusal !== null) {
    return `was offered ${releaseOf(snapshot.rollout)} again${since}, after its agent did not accept the offer before: ${host.refusal.detail}`;
  }
  return `was offered ${releaseOf(snapshot.rollout)}${since}, but its agent has not accepted it yet: it will once 'nexus agent --rollouts' runs there and reaches the server`;
}

/** The server is not told when the one ends and the other begins: it can only say how long both may take. */
function explainActivating(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const { activationTimeoutSeconds: starting, pullBudgetSeconds: pulling } = snapshot.policy;
  const isOverdue = secondsSince(host.state_since, snapshot.nowMs) > pulling + starting;
  const deadline = isOverdue
    ? `both should have ended after ${formatSpan(pulling + starting)} at the latest, so its agent is unreachable or has not reported yet`
    : `images have ${formatSpan(pulling)} to arrive, and containers ${formatSpan(starting)} to start`;
  return `has been activating ${releaseOf(snapshot.rollout)} for ${inState(snapshot, host)}: its agent is pulling images and starting containers; ${deadline}`;
}

function explainDeferred(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const budget = formatSpan(snapshot.policy.pullBudgetSeconds);
  const deferred = `deferred the activation of ${releaseOf(snapshot.rollout)} ${sinceState(snapshot, host)}`;
  if (host.deferral === null) return `${deferred}, and has gone on with it since`;
  return `${deferred} because of ${describeDeferral(host.deferral)}, and tries again by itself for at most ${budget}`;
}

/** What an enforced probe leads to unless it passes again. */
function explainFailingProbes(snapshot: RolloutSnapshot, host: RolloutHostBody): string[] {
  return failingProbes(host).map((probe) => {
    const since = probe.since === null ? '' : ` for ${formatSpan(secondsSince(probe.since, snapshot.nowMs))}`;
    const limit = formatSpan(snapshot.policy.sustainedFailureSeconds);
    return `probe ${quote(probe.name)} has been failing${since}${inParentheses(lastLine(probe.reason ?? ''))} and fails the host after ${limit}`;
  });
}

/** `not judged: no telemetry arrived` as the end of a sentence that says 'not judged' itself. */
function reasonNotJudged(reason: string): string {
  return reason.replace(/^not judged(?:: )?/, '');
}

function explainTelemetry(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const { telemetry } = host;
  const { mode } = snapshot.policy.telemetry;
  if (mode === 'off') return 'the release does not judge telemetry';
  if (telemetry === null || telemetry.status === 'not_judged') {
    const reason = inParentheses(reasonNotJudged(telemetry?.reason ?? ''));
    return `its telemetry has not been judged yet${reason}${mode === 'required' ? ', which the release requires' : ''}`;
  }
  switch (telemetry.status) {
    case 'watch': {
      if (isUnsettled(telemetry.figures))
        return `its memory has not settled (${telemetry.reason}), which keeps it from converging`;
      const lasted = formatSpan(secondsSince(telemetry.since, snapshot.nowMs));
      const limit = formatSpan(snapshot.policy.sustainedFailureSeconds);
      return `its telemetry has been beyond a limit for ${lasted} (${telemetry.reason}), which keeps it from converging and fails the host after ${limit}`;
    }
    case 'regressed':
      return `its telemetry has regressed (${telemetry.reason}), and its agent has been told to fail it`;
    default:
      return `its telemetry is ${telemetry.status}${inParentheses(telemetry.reason)}`;
  }
}

function explainProbes(host: RolloutHostBody): string {
  const enforced = enforcedProbes(host);
  if (enforced.length === 0) return 'no probe is enforced';
  const passing = enforced.filter((probe) => probe.status === 'pass').length;
  if (passing === enforced.length) return passing === 1 ? 'its probe passes' : `all ${passing} probes pass`;
  const silent = enforced.filter((probe) => probe.status === null).map((probe) => quote(probe.name));
  const verb = silent.length === 1 ? 'has' : 'have';
  return `${passing} of ${enforced.length} enforced probes pass, and ${silent.join(', ')} ${verb} no result yet`;
}

function explainSoaking(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const left = host.soak_due_at === null ? 0 : secondsUntil(host.soak_due_at, snapshot.nowMs);
  const soak = formatSpan(snapshot.rollout.waves[host.wave]?.soak_seconds ?? snapshot.rollout.soak_seconds);
  const countdown =
    left > 0
      ? `${formatSpan(Math.ceil(left))} of its ${soak} soak remain`
      : `its ${soak} soak is over, and its agent has yet to report that it converged`;
  const failing = explainFailingProbes(snapshot, host);
  const clauses = [
    countdown,
    ...(failing.length > 0 ? failing : [explainProbes(host)]),
    explainTelemetry(snapshot, host),
  ];
  return `has been soaking ${releaseOf(snapshot.rollout)} for ${inState(snapshot, host)}: ${clauses.join('; ')}`;
}

/** What failed, with what each probe or the telemetry said last. */
function failureAccount(host: RolloutHostBody): string {
  const reasons = (host.failure?.failing_probes ?? []).map((name) => {
    if (name === TELEMETRY_PROBE) return host.telemetry?.status === 'regressed' ? host.telemetry.reason : '';
    return lastLine(host.probes.find((probe) => probe.name === name)?.reason ?? '');
  });
  return `${failureWords(host)}${inParentheses(reasons.filter((reason) => reason !== '').join('; '))}`;
}

function explainFailed(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const failed = `failed on ${releaseOf(snapshot.rollout)} ${sinceState(snapshot, host)}: ${failureAccount(host)}`;
  if (host.left) {
    return `${failed}; ${host.dropped === null ? 'it has been archived since' : `the rollout gave it up${inParentheses(host.dropped)}`}`;
  }
  if (!owesRollback(snapshot.policy, host)) {
    return `${failed}; the release's policy is 'halt', so it is left running for inspection`;
  }
  const { previous_release: previous, rollback_failure: stuck } = host;
  if (host.offline_since !== null) {
    const todo = previous === null ? 'removes it' : `goes back to ${nameOfDigest(snapshot, previous)}`;
    const then = host.failure?.trouble === 'lost' ? 'once it is there again' : 'and reports that once it is back';
    return `${failed}; it is offline since ${host.offline_since}, and ${todo} by itself ${then}`;
  }
  if (stuck !== null) {
    const goal = previous === null ? 'could not remove it' : `could not bring back ${nameOfDigest(snapshot, previous)}`;
    const since = formatAgo(secondsSince(stuck.at, snapshot.nowMs));
    const ways = `a newer release may take the host over, and 'nexus rollout abort ${snapshot.rollout.id} --force --host ${host.name}' gives it up`;
    return `${failed}; its agent ${goal} ${since}${inParentheses(lastLine(stuck.output))} and keeps trying; ${ways}`;
  }
  const doing =
    previous === null
      ? 'removing it, because nothing ran there before'
      : `rolling back to ${nameOfDigest(snapshot, previous)}`;
  return `${failed}; its agent is ${doing}, and has not reported the result yet`;
}

function explainReverted(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const { previous_release: previous } = host;
  const when = sinceState(snapshot, host);
  const now =
    previous === null
      ? `was rolled back ${when}: it runs nothing now, because this was its first deploy`
      : `was rolled back to ${nameOfDigest(snapshot, previous)} ${when}`;
  const { rollback_failure: left } = host;
  const unwell = left === null ? '' : `, where it is as unwell as it was before${inParentheses(lastLine(left.output))}`;
  return `failed on ${releaseOf(snapshot.rollout)} because ${failureAccount(host)}, and ${now}${unwell}`;
}

function explainConverged(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const { telemetry } = host;
  const judged =
    telemetry === null
      ? ''
      : telemetry.status === 'not_judged'
        ? `, and its telemetry was not judged${inParentheses(reasonNotJudged(telemetry.reason))}`
        : `, and its telemetry was ${telemetry.status}${inParentheses(telemetry.reason)}`;
  return `converged ${sinceState(snapshot, host)}: it runs ${releaseOf(snapshot.rollout)}, its soak passed${judged}`;
}

/** What becomes of a host on its way that cannot be heard. */
function explainOffline(snapshot: RolloutSnapshot, host: RolloutHostBody, sinceMs: number): string {
  const { policy } = snapshot;
  const silence = `${describeSilence(sinceMs, host.state)} of ${releaseOf(snapshot.rollout)}`;
  if (host.lost_at !== null) {
    return `${silence}: it is lost, so the rollout has stalled; it goes on when the host is back, or without it once 'nexus host archive ${host.name}' says that it is gone`;
  }
  const limit = formatSpan(policy.activationTimeoutSeconds);
  const end = policy.onLostHost === 'fail' ? 'fails as lost' : 'is lost, which stalls the rollout,';
  return `${silence}: it goes on when it is back, and ${end} after ${limit} of silence`;
}

function predicateOf(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  const stage = stageOf(host);
  if (host.offline_since !== null && stage !== 'failed') {
    return explainOffline(snapshot, host, Date.parse(host.offline_since));
  }
  switch (stage) {
    case 'pending':
      return explainPending(snapshot, host);
    case 'offered':
      return explainOffered(snapshot, host);
    case 'activating':
      return explainActivating(snapshot, host);
    case 'deferred':
      return explainDeferred(snapshot, host);
    case 'soaking':
      return explainSoaking(snapshot, host);
    case 'failed':
      return explainFailed(snapshot, host);
    case 'reverted':
      return explainReverted(snapshot, host);
    case 'converged':
      return explainConverged(snapshot, host);
    case 'left':
      return host.dropped === null
        ? `was archived while it was ${host.state}, so nothing more is expected of it`
        : `was ${host.state} when the rollout gave it up${inParentheses(host.dropped)}`;
    default:
      return assertNever(stage);
  }
}

/** One sentence, beginning with the host's name. */
export function explainHost(snapshot: RolloutSnapshot, host: RolloutHostBody): Sentence {
  return { text: endSentence(`${host.name} ${predicateOf(snapshot, host)}`), tone: hostTone(host) };
}
