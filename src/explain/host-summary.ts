import { assertNever } from '../domain/errors.ts';
import { formatSpan } from '../domain/words.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import {
  hasEnded,
  nameOfDigest,
  owesRollback,
  partOf,
  type RolloutMoment,
  secondsSince,
  secondsUntil,
} from './snapshot.ts';

/** The gate of hosts whose wave has not begun. */
const WAVE_GATE = 'wave';

type Probe = RolloutHostBody['probes'][number];

export function quote(name: string): string {
  return `'${name}'`;
}

/** Only these gate; an observing probe may fail as it likes. */
export function enforcedProbes(host: RolloutHostBody): Probe[] {
  return host.probes.filter((probe) => probe.mode === 'enforce');
}

export function failingProbes(host: RolloutHostBody): Probe[] {
  return enforcedProbes(host).filter((probe) => probe.status === 'fail');
}

/** The telemetry is beyond a limit of the release, for now or for good. */
export function isRegressing(host: RolloutHostBody): boolean {
  return host.telemetry?.status === 'watch' || host.telemetry?.status === 'regressed';
}

/** Whether a host on its way is about to fail, or has. */
export function isTroubled(host: RolloutHostBody): boolean {
  const part = partOf(host);
  if (part === 'failed' || part === 'reverted') return true;
  return part === 'soaking' && (failingProbes(host).length > 0 || isRegressing(host));
}

export function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '') ?? '';
}

/** What failed, in a few words: the probes, or the last line that the activation printed. */
export function failureWords(host: RolloutHostBody): string {
  const probes = host.failure?.failing_probes ?? [];
  if (probes.length > 0) return `${probes.map(quote).join(', ')} failed`;
  const line = lastLine(host.failure?.output ?? '');
  return line === '' ? 'the activation failed' : `the activation failed: ${line}`;
}

function failingNote(probe: Probe, nowMs: number): string {
  const since = probe.since === null ? '' : ` for ${formatSpan(secondsSince(probe.since, nowMs))}`;
  const reason = lastLine(probe.reason ?? '');
  return `${quote(probe.name)} failing${since}${reason === '' ? '' : `: ${reason}`}`;
}

function probeNote(enforced: number, passing: number): string[] {
  if (enforced === 0) return [];
  if (enforced > 1) return [`${passing} of ${enforced} probes pass`];
  return [passing === 1 ? 'its probe passes' : 'its probe is not observed yet'];
}

function soakNote({ nowMs }: RolloutMoment, host: RolloutHostBody): string {
  const enforced = enforcedProbes(host);
  const passing = enforced.filter((probe) => probe.status === 'pass').length;
  const left = host.soak_due_at === null ? 0 : secondsUntil(host.soak_due_at, nowMs);
  const troubles = failingProbes(host).map((probe) => failingNote(probe, nowMs));
  const { telemetry } = host;
  if (telemetry !== null && isRegressing(host)) troubles.push(`telemetry: ${telemetry.reason}`);
  const calm = [
    ...probeNote(enforced.length, passing),
    ...(telemetry === null ? [] : [telemetry.status === 'ok' ? 'telemetry ok' : 'telemetry not judged']),
  ];
  const soak = left > 0 ? `${formatSpan(Math.ceil(left))} of soak left` : 'soak over, its agent has to say so';
  return [soak, ...(troubles.length > 0 ? troubles : calm)].join(' · ');
}

/** What a host waits for or has come to, in a few words beside its state; empty where the state says it all. */
export function noteOf(moment: RolloutMoment, host: RolloutHostBody): string {
  const part = partOf(host);
  switch (part) {
    case 'pending':
      if (hasEnded(moment.rollout)) return 'not touched';
      // Its own line says of the wave before what this one would only repeat for each of its hosts.
      if (host.held_by?.gate === WAVE_GATE) return `waits for wave ${moment.rollout.current_wave + 1}`;
      return host.held_by?.reason ?? 'next';
    case 'offered':
      return 'offered; its agent has not taken it yet';
    case 'activating':
      return 'its agent pulls and starts';
    case 'deferred':
      return 'put off by its agent';
    case 'soaking':
      return soakNote(moment, host);
    case 'failed':
      return `${failureWords(host)} · ${owesRollback(moment.policy, host) ? 'going back' : 'left running'}`;
    case 'reverted': {
      const { previous_release: previous } = host;
      return `${failureWords(host)} · back on ${previous === null ? 'nothing' : nameOfDigest(moment, previous)}`;
    }
    case 'left':
      return 'archived';
    case 'converged':
      return '';
    default:
      return assertNever(part);
  }
}
