import { assertNever } from '../domain/errors.ts';
import { formatSpan, plural, shortDigest } from '../domain/words.ts';
import type { LogEventBody } from '../wire/operator.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import { type ExplainedMoment, explainHost, sentence } from './host.ts';
import { agentEventOf, textOf } from './log-entry.ts';
import {
  countsOf,
  formatCounts,
  formatTolerance,
  hasEnded,
  partOf,
  type RolloutMoment,
  releaseName,
  secondsSince,
} from './snapshot.ts';

/** Names that a sentence lists before it only counts. */
const MAX_NAMES = 5;

/** Why hosts put their activation off, from the rollout's log: the latest reason counts. */
export function deferralsOf(events: readonly LogEventBody[]): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const event of events) {
    const fact = agentEventOf(event);
    const reason = fact?.type === 'activation_deferred' ? textOf(fact.fields, 'reason') : undefined;
    if (event.host !== null && reason !== undefined) reasons.set(event.host, reason);
  }
  return reasons;
}

function standing({ rollout }: RolloutMoment): string {
  const counts = countsOf(rollout);
  return `of ${plural(counts.hosts, 'host')} ${formatCounts(counts)}`;
}

/** What keeps the rollout from dispatching anybody, said by the most hosts of the waves that may. */
function commonHold({ rollout }: RolloutMoment): string | undefined {
  const tally = new Map<string, number>();
  for (const host of rollout.hosts) {
    if (partOf(host) !== 'pending' || host.held_by === null || host.wave > rollout.current_wave) continue;
    tally.set(host.held_by.reason, (tally.get(host.held_by.reason) ?? 0) + 1);
  }
  return [...tally].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

function explainActive(moment: RolloutMoment, subject: string): string {
  const { rollout, nowMs } = moment;
  const hold = rollout.counts.in_flight === 0 ? commonHold(moment) : undefined;
  const stuck = hold === undefined ? '' : ` Nothing is in flight: ${hold}.`;
  return `${subject} has been under way for ${formatSpan(secondsSince(rollout.created_at, nowMs))}, in wave ${rollout.current_wave + 1} of ${rollout.waves.length}: ${standing(moment)}; ${formatTolerance(rollout)}.${stuck}`;
}

/** The rollout's own sentence. */
export function explainRollout(moment: RolloutMoment): string {
  const { rollout } = moment;
  const subject = `The rollout ${rollout.id} of ${releaseName(rollout)} (${shortDigest(rollout.release)})`;
  const since = formatSpan(secondsSince(rollout.state_since, moment.nowMs));
  switch (rollout.state) {
    case 'active':
      return explainActive(moment, subject);
    case 'paused':
      return `${subject} has been paused for ${since}, so no further host is dispatched until 'nexus rollout resume ${rollout.id}': ${standing(moment)}.`;
    case 'converged':
      return `${subject} converged ${since} ago: ${standing(moment)}.`;
    case 'halted':
    case 'aborted':
    case 'superseded': {
      const { state, reason } = rollout;
      // Reasons of the server's own begin with the state: 'superseded by rollout …'.
      const end = reason.startsWith(state)
        ? `${reason} ${since} ago`
        : `${state} ${since} ago${reason === '' ? '' : `: ${reason}`}`;
      return `${subject} was ${end}; ${standing(moment)}.`;
    }
    default:
      return assertNever(rollout.state);
  }
}

/** Neither through nor merely waiting for the others: what an operator may have to do something about. */
export function needsExplaining(host: RolloutHostBody): boolean {
  const part = partOf(host);
  return part !== 'converged' && part !== 'left' && part !== 'pending';
}

function waitingSentence(reason: string | undefined, names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  const who = `${plural(names.length, 'host')} %s (${names.slice(0, MAX_NAMES).join(', ')}${more})`;
  const one = names.length === 1;
  if (reason === undefined) return sentence(who.replace('%s', one ? 'was not touched' : 'were not touched'));
  return sentence(`${who.replace('%s', one ? 'waits' : 'wait')}: ${reason}`);
}

/** Pending hosts, those with the same reason together, so that ten thousand of them are a few lines. */
export function explainWaiting(moment: RolloutMoment): string[] {
  const ended = hasEnded(moment.rollout);
  const groups = new Map<string | undefined, string[]>();
  for (const host of moment.rollout.hosts) {
    if (partOf(host) !== 'pending') continue;
    const reason = ended ? undefined : (host.held_by?.reason ?? 'nothing holds them, and they are next');
    const names = groups.get(reason);
    if (names === undefined) groups.set(reason, [host.name]);
    else names.push(host.name);
  }
  return [...groups].map(([reason, names]) => waitingSentence(reason, names));
}

/** Every sentence of a rollout: its own, then those of hosts that need one. */
export function explainAll(moment: ExplainedMoment): string[] {
  const hosts = moment.rollout.hosts.filter(needsExplaining);
  return [explainRollout(moment), ...hosts.map((host) => explainHost(moment, host)), ...explainWaiting(moment)];
}

/** As GET /v1/rollouts/{id} answers, with an `explanation` of its own and of each host that is not through. */
export function explainDocument(moment: ExplainedMoment, only: RolloutHostBody | undefined) {
  const hosts = moment.rollout.hosts.filter((host) =>
    only === undefined ? partOf(host) !== 'converged' : host === only,
  );
  return {
    ...moment.rollout,
    explanation: explainRollout(moment),
    hosts: hosts.map((host) => ({ ...host, explanation: explainHost(moment, host) })),
  };
}

/** The figures behind a host's verdict, as they are named on the wire. */
export function figureLines(host: RolloutHostBody): Array<[name: string, value: string]> {
  return Object.entries(host.telemetry?.figures ?? {}).map(([name, value]) => [
    name.replaceAll('_', ' '),
    value === null ? 'not known' : String(value),
  ]);
}
