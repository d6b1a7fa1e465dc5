import { assertNever } from '../domain/errors.ts';
import { formatInstant } from '../domain/instant.ts';
import type { RolloutHost } from '../domain/rollout.ts';
import { explainHold } from './explain-hold.ts';
import type { Scene } from './gates/gate.ts';
import { owesRollback } from './host-part.ts';
import { failingEnforced } from './probe-records.ts';
import { quote, shortDigest } from './sentences.ts';

/** Why a host is where it is, in one sentence for an operator; null: it is no part of this rollout. */
export function explainHost(scene: Scene, name: string): string | null {
  const host = scene.rollout.host(name);
  if (host === undefined) return null;
  const who = quote(name);
  if (host.left) return `${who} is archived: nothing is expected of it any more`;
  const { plan } = scene.rollout;
  const since = formatInstant(host.stateSinceMs);
  switch (host.state) {
    case 'pending':
      if (host.dispatchedAtMs === null) return explainHold(scene, name)?.reason ?? `${who} is next`;
      return `${who} is told since ${formatInstant(host.dispatchedAtMs)}, and has not acknowledged it`;
    case 'activating':
      return `${who} brings ${shortDigest(plan.release)} up since ${since}`;
    case 'deferred':
      return `${who} put the activation off at ${since}, and tries again by itself`;
    case 'soaking':
      return explainSoak(host, scene.nowMs);
    case 'failed': {
      const next = owesRollback(plan, host)
        ? `it goes back to ${releaseBefore(host)}`
        : 'the release stays as it is, to be looked at';
      return `${who} failed at ${since}${explainFailure(host)}; ${next}`;
    }
    case 'reverted':
      return `${who} failed${explainFailure(host)}, and is back on ${releaseBefore(host)} since ${since}`;
    case 'converged':
      return `${who} runs ${shortDigest(plan.release)} since ${since}`;
    default:
      return assertNever(host.state);
  }
}

function explainSoak(host: RolloutHost, nowMs: number): string {
  const dueAtMs = host.soakDueAtMs ?? nowMs;
  const time = dueAtMs > nowMs ? `until ${formatInstant(dueAtMs)}` : 'and is about to say how that went';
  const failing = failingEnforced(host.probes).map((probe) => quote(probe.name));
  const probes = failing.length === 0 ? '' : `; failing: ${failing.join(', ')}`;
  const { telemetry } = host;
  const judged = telemetry === null ? '' : `; telemetry (${telemetry.status}): ${telemetry.reason}`;
  return `${quote(host.name)} soaks ${time}${probes}${judged}`;
}

function explainFailure({ failure }: RolloutHost): string {
  if (failure === null) return '';
  const probes = failure.failingProbes.map(quote).join(', ');
  const words = failure.output.trim().split('\n').at(-1) ?? '';
  return [probes === '' ? '' : ` (${probes})`, words === '' ? '' : `: ${words}`].join('');
}

function releaseBefore({ previousRelease }: RolloutHost): string {
  return previousRelease === null ? 'nothing, as before' : shortDigest(previousRelease);
}
