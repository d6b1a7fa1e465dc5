/** Why a host is where it is, in one sentence: what an operator would otherwise put together from five places. */
import { assertNever } from '../domain/errors.ts';
import { formatSpan, plural } from '../domain/words.ts';
import { TELEMETRY_PROBE } from '../wire/agent-event.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import { enforcedProbes, failingProbes, failureWords, lastLine, quote } from './host-summary.ts';
import {
  hasEnded,
  nameOfDigest,
  owesRollback,
  partOf,
  type RolloutMoment,
  releaseName,
  secondsSince,
  secondsUntil,
} from './snapshot.ts';

export interface ExplainedMoment extends RolloutMoment {
  /** Why hosts put their activation off, by host: only the log says that. */
  readonly deferrals: ReadonlyMap<string, string>;
}

/** How long a host has been in its state. */
function inState(moment: RolloutMoment, host: RolloutHostBody): string {
  return formatSpan(secondsSince(host.state_since, moment.nowMs));
}

function explainPending(moment: RolloutMoment, host: RolloutHostBody): string {
  const { rollout } = moment;
  if (hasEnded(rollout)) {
    const reason = rollout.reason === '' ? '' : ` (${rollout.reason})`;
    return `was not touched: the rollout ${rollout.state === 'converged' ? 'converged' : `was ${rollout.state}`} before its turn${reason}`;
  }
  const waited = inState(moment, host);
  if (host.held_by === null) return `has been pending for ${waited}, and nothing holds it: it is next`;
  return `has been pending for ${waited}, held by the gate ${quote(host.held_by.gate)}: ${host.held_by.reason}`;
}

function explainOffered(moment: RolloutMoment, host: RolloutHostBody): string {
  const since = host.dispatched_at === null ? '' : ` ${formatSpan(secondsSince(host.dispatched_at, moment.nowMs))} ago`;
  return `was offered ${releaseName(moment.rollout)}${since}, and its agent has not taken it yet: it does once 'nexus agent --rollouts' runs there and reaches the server`;
}

function explainActivating(moment: RolloutMoment, host: RolloutHostBody): string {
  const { activationTimeoutSeconds } = moment.policy;
  const left = activationTimeoutSeconds - secondsSince(host.state_since, moment.nowMs);
  const bound =
    left > 0
      ? `in ${formatSpan(left)} that has failed`
      : `that should have failed after ${formatSpan(activationTimeoutSeconds)}, so its agent is away or has not reported yet`;
  return `has been activating ${releaseName(moment.rollout)} for ${inState(moment, host)}: its agent pulls the images and starts the containers; ${bound}`;
}

function explainDeferred(moment: ExplainedMoment, host: RolloutHostBody): string {
  const reason = moment.deferrals.get(host.name);
  return `put the activation of ${releaseName(moment.rollout)} off ${inState(moment, host)} ago${reason === undefined ? '' : ` (${reason})`}, and goes on by itself`;
}

/** What an enforced probe that fails comes to, unless it passes again. */
function explainFailingProbes(moment: RolloutMoment, host: RolloutHostBody): string[] {
  return failingProbes(host).map((probe) => {
    const reason = lastLine(probe.reason ?? '');
    const since = probe.since === null ? '' : ` for ${formatSpan(secondsSince(probe.since, moment.nowMs))}`;
    const limit = formatSpan(moment.policy.sustainedFailureSeconds);
    return `the probe ${quote(probe.name)} has been failing${since}${reason === '' ? '' : ` (${reason})`}, and after ${limit} of that the host fails`;
  });
}

function explainTelemetry(moment: RolloutMoment, host: RolloutHostBody): string {
  const { telemetry } = host;
  const { mode } = moment.policy.telemetry;
  if (mode === 'off') return 'the release leaves its telemetry aside';
  if (telemetry === null || telemetry.status === 'not_judged') {
    const why = telemetry === null ? 'its telemetry has not been judged yet' : `its telemetry is ${telemetry.reason}`;
    return mode === 'required' ? `${why}, and the release requires that` : why;
  }
  switch (telemetry.status) {
    case 'watch': {
      const lasted = formatSpan(secondsSince(telemetry.since, moment.nowMs));
      const limit = formatSpan(moment.policy.sustainedFailureSeconds);
      return `its telemetry holds it and has been beyond a limit for ${lasted} (${telemetry.reason}), and after ${limit} of that the host fails`;
    }
    case 'regressed':
      return `its telemetry has regressed (${telemetry.reason}), and its agent is told to fail it`;
    default:
      return `its telemetry is ${telemetry.status} (${telemetry.reason})`;
  }
}

function explainProbes(host: RolloutHostBody): string {
  const enforced = enforcedProbes(host);
  if (enforced.length === 0) return 'no probe is enforced';
  const passing = enforced.filter((probe) => probe.status === 'pass').length;
  if (passing === enforced.length) return passing === 1 ? 'its one probe passes' : `its ${passing} probes pass`;
  const silent = enforced.filter((probe) => probe.status === null).map((probe) => quote(probe.name));
  return `${passing} of ${plural(enforced.length, 'probe')} ${passing === 1 ? 'passes' : 'pass'}, and nothing was observed of ${silent.join(', ')} yet`;
}

function explainSoaking(moment: RolloutMoment, host: RolloutHostBody): string {
  const left = host.soak_due_at === null ? 0 : secondsUntil(host.soak_due_at, moment.nowMs);
  const soak = formatSpan(moment.rollout.soak_seconds);
  const countdown =
    left > 0
      ? `${formatSpan(Math.ceil(left))} of its soak of ${soak} are left`
      : `its soak of ${soak} is over, and its agent has still to say that it converged`;
  const failing = explainFailingProbes(moment, host);
  const clauses = [
    countdown,
    ...(failing.length > 0 ? failing : [explainProbes(host)]),
    explainTelemetry(moment, host),
  ];
  return `has been soaking ${releaseName(moment.rollout)} for ${inState(moment, host)}: ${clauses.join('; ')}`;
}

/** What failed, and what was the matter with it as far as anybody has said. */
function failureAccount(host: RolloutHostBody): string {
  const reasons = (host.failure?.failing_probes ?? []).map((name) => {
    if (name === TELEMETRY_PROBE) return host.telemetry?.status === 'regressed' ? host.telemetry.reason : '';
    return lastLine(host.probes.find((probe) => probe.name === name)?.reason ?? '');
  });
  const said = reasons.filter((reason) => reason !== '').join('; ');
  return said === '' ? failureWords(host) : `${failureWords(host)}: ${said}`;
}

function explainFailed(moment: RolloutMoment, host: RolloutHostBody): string {
  const failed = `failed on ${releaseName(moment.rollout)} ${inState(moment, host)} ago: ${failureAccount(host)}`;
  if (!owesRollback(moment.policy, host)) {
    return `${failed}; the policy is 'halt', so the failed release is left running for inspection`;
  }
  const { previous_release: previous } = host;
  const back = previous === null ? 'nothing, since nothing ran there before' : nameOfDigest(moment, previous);
  return `${failed}; its agent goes back to ${back}, and has not reported that yet`;
}

function explainReverted(moment: RolloutMoment, host: RolloutHostBody): string {
  const { previous_release: previous } = host;
  const back = previous === null ? 'nothing, as before the first deploy' : nameOfDigest(moment, previous);
  return `failed on ${releaseName(moment.rollout)} (${failureAccount(host)}), and went back to ${back} ${inState(moment, host)} ago`;
}

function explainConverged(moment: RolloutMoment, host: RolloutHostBody): string {
  const telemetry =
    host.telemetry === null
      ? ''
      : `, its telemetry ${host.telemetry.status.replace('_', ' ')} (${host.telemetry.reason})`;
  return `converged ${inState(moment, host)} ago: it runs ${releaseName(moment.rollout)}, its soak passed${telemetry}`;
}

function predicateOf(moment: ExplainedMoment, host: RolloutHostBody): string {
  const part = partOf(host);
  switch (part) {
    case 'pending':
      return explainPending(moment, host);
    case 'offered':
      return explainOffered(moment, host);
    case 'activating':
      return explainActivating(moment, host);
    case 'deferred':
      return explainDeferred(moment, host);
    case 'soaking':
      return explainSoaking(moment, host);
    case 'failed':
      return explainFailed(moment, host);
    case 'reverted':
      return explainReverted(moment, host);
    case 'converged':
      return explainConverged(moment, host);
    case 'left':
      return `was archived while it was ${host.state}: nothing is expected of it any more`;
    default:
      return assertNever(part);
  }
}

/** Ends a sentence that may have ended already, as those of the server do. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** One sentence, beginning with the host's name. */
export function explainHost(moment: ExplainedMoment, host: RolloutHostBody): string {
  return sentence(`${host.name} ${predicateOf(moment, host)}`);
}
