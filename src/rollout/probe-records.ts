/** What a host's events have told of its probes: one record for each name, in order of appearance. */
import { EVENT_LIMITS, type ProbeMode, type ProbeRecord } from '../domain/rollout.ts';
import { lastBytes } from './last-bytes.ts';

function unobserved(name: string, mode: ProbeMode): ProbeRecord {
  return { name, mode, status: null, sinceMs: null, reason: null };
}

function upsert(probes: readonly ProbeRecord[], record: ProbeRecord): ProbeRecord[] {
  const known = probes.some((probe) => probe.name === record.name);
  return known ? probes.map((probe) => (probe.name === record.name ? record : probe)) : [...probes, record];
}

function find(probes: readonly ProbeRecord[], name: string, mode: ProbeMode): ProbeRecord {
  const known = probes.find((probe) => probe.name === name);
  return known === undefined ? unobserved(name, mode) : { ...known, mode };
}

/** Only declared probes are kept, with what was observed of them: an agent that restarts declares its probes again. */
export function declareProbes(
  probes: readonly ProbeRecord[],
  declared: ReadonlyArray<{ readonly name: string; readonly mode: ProbeMode }>,
): ProbeRecord[] {
  return declared.reduce<ProbeRecord[]>((records, { name, mode }) => upsert(records, find(probes, name, mode)), []);
}

/** Records the name of a probe; its status comes with its results. */
export function noteProbe(probes: readonly ProbeRecord[], name: string, mode: ProbeMode): ProbeRecord[] {
  return upsert(probes, find(probes, name, mode));
}

/** The latest status counts; `sinceMs` changes only when the status does. */
export function recordStatus(
  probes: readonly ProbeRecord[],
  seen: { name: string; mode: ProbeMode; status: 'pass' | 'fail'; atMs: number; reason: string | null },
): ProbeRecord[] {
  const before = find(probes, seen.name, seen.mode);
  const turned = before.status !== seen.status;
  const reason = seen.status === 'pass' ? null : (seen.reason ?? before.reason);
  return upsert(probes, {
    ...before,
    status: seen.status,
    sinceMs: turned ? seen.atMs : before.sinceMs,
    reason: reason === null ? null : lastBytes(reason, EVENT_LIMITS.maxReasonBytes),
  });
}

/** The probes that keep a host from converging; those in mode `observe` never do. */
export function failingEnforced(probes: readonly ProbeRecord[]): ProbeRecord[] {
  return probes.filter((probe) => probe.mode === 'enforce' && probe.status === 'fail');
}
