/** A host of a rollout in a few words, as they stand in a table beside its stage. */
import { assertNever } from '../domain/errors.ts';
import { TELEMETRY_PROBE } from '../domain/rollout.ts';
import { describeSilence, describeTrouble, formatSpan, quote } from '../domain/words.ts';
import type { RolloutHostBody } from '../wire/rollout.ts';
import { lastLine, probesOf } from './log-entry.ts';
import {
  hasEnded,
  nameOfDigest,
  owesRollback,
  type RolloutSnapshot,
  STAGE_TONES,
  secondsSince,
  secondsUntil,
  stageOf,
} from './snapshot.ts';
import type { Sentence, Tone } from './tone.ts';

/** The gate of hosts whose wave has not begun. */
const WAVE_GATE = 'wave';

type Probe = RolloutHostBody['probes'][number];

/** The probes that decide; an observed one may fail without consequence. */
export function enforcedProbes(host: RolloutHostBody): Probe[] {
  return host.probes.filter((probe) => probe.mode === 'enforce');
}

export function failingProbes(host: RolloutHostBody): Probe[] {
  return enforcedProbes(host).filter((probe) => probe.status === 'fail');
}

/** Whether the telemetry is beyond a limit of the release, for now or for good. */
function isRegressing(host: RolloutHostBody): boolean {
  return host.telemetry?.status === 'watch' || host.telemetry?.status === 'regressed';
}

/** Whether a host has failed, is about to, or cannot be heard while the rollout waits for it. */
export function isTroubled(host: RolloutHostBody): boolean {
  const stage = stageOf(host);
  if (stage === 'failed' || stage === 'reverted' || host.offline_since !== null) return true;
  return stage === 'soaking' && (failingProbes(host).length > 0 || isRegressing(host));
}

/** The tone of a host's stage, except that one on its way with trouble is a warning. */
export function hostTone(host: RolloutHostBody): Tone {
  const tone = STAGE_TONES[stageOf(host)];
  return tone === 'active' && isTroubled(host) ? 'warning' : tone;
}

/** What a host waits for: `trouble with its registry (it answers 429)`. */
export function describeDeferral(deferral: NonNullable<RolloutHostBody['deferral']>): string {
  const { class: trouble, reason } = deferral;
  if (trouble === null) return reason;
  return reason === '' ? describeTrouble(trouble) : `${describeTrouble(trouble)} (${lastLine(reason)})`;
}

/** What failed: `probe 'front' failed`, `its telemetry regressed`, that it was lost, or the last line that the activation printed. */
export function failureWords(host: RolloutHostBody): string {
  if (host.failure?.trouble === 'lost') return `it was lost: ${lastLine(host.failure.output)}`;
  const names = host.failure?.failing_probes ?? [];
  const probes = names.filter((name) => name !== TELEMETRY_PROBE).map(quote);
  const words = [
    ...(probes.length === 0 ? [] : [`${probesOf(probes)} failed`]),
    ...(names.includes(TELEMETRY_PROBE) ? ['its telemetry regressed'] : []),
  ];
  if (words.length > 0) return words.join(' and ');
  const line = lastLine(host.failure?.output ?? '');
  const trouble = host.failure?.trouble ?? null;
  if (trouble !== null) {
    return `${describeTrouble(trouble)} lasted too long, for which the release is not to blame${line === '' ? '' : `: ${line}`}`;
  }
  return line === '' ? 'the activation failed' : `the activation failed: ${line}`;
}

function failingNote(probe: Probe, nowMs: number): string {
  const since = probe.since === null ? '' : ` for ${formatSpan(secondsSince(probe.since, nowMs))}`;
  const reason = lastLine(probe.reason ?? '');
  return `probe ${quote(probe.name)} failing${since}${reason === '' ? '' : `: ${reason}`}`;
}

function probeNote(enforced: number, passing: number): string[] {
  if (enforced === 0) return [];
  if (enforced > 1) return [`${passing} of ${enforced} probes pass`];
  return [passing === 1 ? 'its probe passes' : 'its probe has no result yet'];
}

function soakNote({ nowMs }: RolloutSnapshot, host: RolloutHostBody): string {
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
  const soak = left > 0 ? `${formatSpan(Math.ceil(left))} of soak left` : 'soak over, waiting for its agent to report';
  return [soak, ...(troubles.length > 0 ? troubles : calm)].join(' · ');
}

function afterFailure(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  if (host.left) return host.dropped ?? 'archived';
  if (!owesRollback(snapshot.policy, host)) return 'left running';
  const { rollback_failure: stuck } = host;
  return stuck === null ? 'rolling back' : `cannot be rolled back for now: ${lastLine(stuck.output)}`;
}

function noteText(snapshot: RolloutSnapshot, host: RolloutHostBody): string {
  if (host.offline_since !== null && host.state !== 'failed') {
    const silence = describeSilence(Date.parse(host.offline_since), host.state);
    return host.lost_at === null ? silence : `lost: it ${silence}`;
  }
  const stage = stageOf(host);
  switch (stage) {
    case 'pending':
      if (hasEnded(snapshot.rollout)) return 'not touched';
      // The reason speaks of the wave before, and would be repeated for every host of this one.
      if (host.held_by?.gate === WAVE_GATE) return `waits for wave ${snapshot.rollout.current_wave + 1}`;
      return host.held_by?.reason ?? 'next';
    case 'offered':
      return 'offered, not accepted by its agent yet';
    case 'activating':
      return 'pulling images and starting containers';
    case 'deferred':
      return host.deferral === null
        ? 'goes on after it was deferred'
        : `waits because of ${describeDeferral(host.deferral)}`;
    case 'soaking':
      return soakNote(snapshot, host);
    case 'failed':
      if (host.offline_since !== null) return `${failureWords(host)} · offline since ${host.offline_since}`;
      return `${failureWords(host)} · ${afterFailure(snapshot, host)}`;
    case 'reverted': {
      const { previous_release: previous } = host;
      const now = previous === null ? 'runs nothing now (first deploy)' : `back on ${nameOfDigest(snapshot, previous)}`;
      return `${failureWords(host)} · ${now}`;
    }
    case 'left':
      return host.dropped ?? 'archived';
    case 'converged':
      return '';
    default:
      return assertNever(stage);
  }
}

/** What a host waits for or has come to; empty where its stage says it all. */
export function noteOf(snapshot: RolloutSnapshot, host: RolloutHostBody): Sentence {
  return { text: noteText(snapshot, host), tone: isTroubled(host) ? hostTone(host) : 'muted' };
}
