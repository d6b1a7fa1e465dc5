/** Why a rollout and its hosts are where they are, in sentences. */
import { assertNever } from '../domain/errors.ts';
import { describeEnd, endSentence, formatAgo, formatSpan, plural, waveName } from '../domain/words.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import { explainHost } from './host.ts';
import {
  countsOf,
  formatCounts,
  formatTolerance,
  hasEnded,
  ROLLOUT_TONES,
  type RolloutSnapshot,
  releaseOf,
  secondsSince,
  stageOf,
} from './snapshot.ts';
import type { Sentence } from './tone.ts';

/** Names that a sentence lists before it only counts. */
const MAX_NAMES = 5;

function standing({ rollout }: RolloutSnapshot): string {
  return `Hosts: ${formatCounts(countsOf(rollout))}.`;
}

function capitalize(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The reason that holds the most hosts of the waves that have begun; undefined where nothing holds any. */
function commonHold({ rollout }: RolloutSnapshot): string | undefined {
  const tally = new Map<string, number>();
  for (const host of rollout.hosts) {
    if (stageOf(host) !== 'pending' || host.held_by === null || host.wave > rollout.current_wave) continue;
    tally.set(host.held_by.reason, (tally.get(host.held_by.reason) ?? 0) + 1);
  }
  return [...tally].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

/** The hosts that keep the others waiting without a word, if any. */
function silentHosts({ rollout }: RolloutSnapshot): string {
  const silent = rollout.hosts.filter((host) => host.offline_since !== null && host.state !== 'failed');
  if (silent.length === 0) return '';
  const names = listNames(silent.map(({ name }) => name));
  return silent.some(({ lost_at }) => lost_at !== null)
    ? ` It has stalled: it waits for ${names}, which cannot be heard.`
    : ` It waits for ${names}, which cannot be heard.`;
}

/** `web-1, web-2 and 3 more`. */
function listNames(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `${names.slice(0, MAX_NAMES).join(', ')}${more}`;
}

function explainActive(snapshot: RolloutSnapshot, subject: string): string {
  const { rollout, nowMs } = snapshot;
  const age = formatSpan(secondsSince(rollout.created_at, nowMs));
  const wave = waveName(rollout.current_wave, rollout.waves.length);
  const hold = rollout.counts.in_flight === 0 ? commonHold(snapshot) : undefined;
  const stuck = hold === undefined ? silentHosts(snapshot) : ` ${endSentence(`Nothing is in flight: ${hold}`)}`;
  return `${subject} has been running for ${age} and is in ${wave}. ${standing(snapshot)} ${capitalize(formatTolerance(rollout))}.${stuck}`;
}

function rolloutText(snapshot: RolloutSnapshot): string {
  const { rollout } = snapshot;
  const subject = `Rollout ${rollout.id} of ${releaseOf(rollout)}`;
  const seconds = secondsSince(rollout.state_since, snapshot.nowMs);
  const ago = formatAgo(seconds);
  switch (rollout.state) {
    case 'active':
      return explainActive(snapshot, subject);
    case 'paused':
      return `${subject} has been paused for ${formatSpan(seconds)}: no further host is dispatched until 'nexus rollout resume ${rollout.id}'. ${standing(snapshot)}`;
    case 'converged':
      return `${subject} converged ${ago}. ${standing(snapshot)}`;
    case 'halted':
    case 'aborted':
    case 'superseded': {
      const { state, reason } = rollout;
      // Reasons of the server's own begin with the state: 'superseded by rollout …'.
      const end = reason.startsWith(state)
        ? `${reason} ${ago}`
        : `${state} ${ago}${reason === '' ? '' : `: ${reason}`}`;
      return `${endSentence(`${subject} was ${end}`)} ${standing(snapshot)}`;
    }
    default:
      return assertNever(rollout.state);
  }
}

/** The rollout's own sentence. */
export function explainRollout(snapshot: RolloutSnapshot): Sentence {
  return { text: rolloutText(snapshot), tone: ROLLOUT_TONES[snapshot.rollout.state] };
}

/** Whether an operator may have to act on a host: it has neither converged nor merely waits for its turn. */
function needsExplaining(host: RolloutHostBody): boolean {
  const stage = stageOf(host);
  return stage !== 'converged' && stage !== 'pending' && (stage !== 'left' || host.dropped !== null);
}

function waitingText(reason: string | undefined, names: readonly string[]): string {
  const list = `(${listNames(names)})`;
  const count = plural(names.length, 'host');
  const isOne = names.length === 1;
  if (reason === undefined) return endSentence(`${count} ${isOne ? 'was' : 'were'} not touched ${list}`);
  return endSentence(`${count} ${isOne ? 'is' : 'are'} waiting ${list}: ${reason}`);
}

/** Pending hosts, grouped by reason, so that ten thousand of them are a few lines. */
function explainWaiting(snapshot: RolloutSnapshot): Sentence[] {
  const ended = hasEnded(snapshot.rollout);
  const groups = new Map<string | undefined, string[]>();
  for (const host of snapshot.rollout.hosts) {
    if (stageOf(host) !== 'pending') continue;
    const reason = ended ? undefined : (host.held_by?.reason ?? 'nothing holds them, so they are next');
    const names = groups.get(reason);
    if (names === undefined) groups.set(reason, [host.name]);
    else names.push(host.name);
  }
  return [...groups].map(([reason, names]) => ({ text: waitingText(reason, names), tone: 'muted' }));
}

/** Every sentence about a rollout: its own, then those of the hosts that need one. */
export function explainAll(snapshot: RolloutSnapshot): Sentence[] {
  const hosts = snapshot.rollout.hosts.filter(needsExplaining);
  return [explainRollout(snapshot), ...hosts.map((host) => explainHost(snapshot, host)), ...explainWaiting(snapshot)];
}

/** As `GET /v1/rollouts/{id}` answers, with an `explanation` of the rollout and of each host that has not converged. */
export function explainDocument(snapshot: RolloutSnapshot, only: RolloutHostBody | undefined) {
  const hosts = snapshot.rollout.hosts.filter((host) =>
    only === undefined ? stageOf(host) !== 'converged' : host === only,
  );
  return {
    ...snapshot.rollout,
    explanation: explainRollout(snapshot).text,
    hosts: hosts.map((host) => ({ ...host, explanation: explainHost(snapshot, host).text })),
  };
}

/** The figures behind the verdict on a host's telemetry, as they are named on the wire. */
export function figureLines(host: RolloutHostBody): Array<[name: string, value: string]> {
  return Object.entries(host.telemetry?.figures ?? {}).map(([name, value]) => [
    name.replaceAll('_', ' '),
    value === null ? 'unknown' : String(value),
  ]);
}

/** What the failing services of a host left behind: how each ended, and its last log lines. */
export function evidenceLines({ failure, rollback_failure: stuck }: RolloutHostBody): string[] {
  const services = (failure?.evidence ?? []).flatMap(
    ({ service, exit_code: exitCode, oom_killed: oomKilled, log_tail: tail }) => {
      const lines = linesOf(tail);
      return [describeEnd(service, exitCode, oomKilled, lines.length), ...lines.map((line) => `  ${line}`)];
    },
  );
  if (stuck === null) return services;
  const rollback = linesOf(stuck.output).map((line) => `  ${line}`);
  return [...services, `the last attempt to go back ended with code ${stuck.exit_code}:`, ...rollback];
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
