/** What is known of a host's probes, kept from one event to the next: one record per name, in order of appearance. */
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

/** Only what is declared is kept; what was observed of it stays, since an agent that restarts declares again. */
export function declareProbes(
  probes: readonly ProbeRecord[],
  declared: ReadonlyArray<{ readonly name: string; readonly mode: ProbeMode }>,
): ProbeRecord[] {
  return declared.reduce<ProbeRecord[]>((records, { name, mode }) => upsert(records, find(probes, name, mode)), []);
}

/** A probe is known by name from here on; what it said comes with its results. */
export function noteProbe(probes: readonly ProbeRecord[], name: string, mode: ProbeMode): ProbeRecord[] {
  return upsert(probes, find(probes, name, mode));
}

/** The latest status counts; `sinceMs` moves only when the status does. */
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

/** `observe` probes never gate. */
export function failingEnforced(probes: readonly ProbeRecord[]): ProbeRecord[] {
  return probes.filter((probe) => probe.mode === 'enforce' && probe.status === 'fail');
}
