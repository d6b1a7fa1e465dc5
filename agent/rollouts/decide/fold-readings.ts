/** Folds readings of probes into their states, and into the events that report them. */
import { formatInstant } from '../../../src/domain/instant.ts';
import { EVENT_LIMITS } from '../../../src/domain/rollout.ts';
import { lastBytes } from '../../../src/rollout/last-bytes.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { EventDraft, ProbeState } from '../record/stack-record.ts';
import type { ProbeReading } from './observed.ts';

export interface Folded {
  readonly probes: readonly ProbeState[];
  readonly events: readonly EventDraft[];
}

/**
 * Only the first reading, the first failure and every change of status become events, so that a fleet does not flood
 * its server. A failure lasts from the first failing reading to the next pass.
 */
export function foldReadings(probes: readonly ProbeState[], readings: readonly ProbeReading[]): Folded {
  const events: EventDraft[] = [];
  let changed = false;
  const next = probes.map((probe) => {
    const reading = readings.find(({ name }) => name === probe.name);
    if (reading === undefined || reading.status === probe.status) return probe;
    changed = true;
    const { name, mode } = probe;
    const at = formatInstant(reading.at.wallMs);
    const failed = reading.status === 'fail';
    const reason = failed ? lastBytes(reading.reason ?? 'it fails', EVENT_LIMITS.maxReasonBytes).toWellFormed() : null;
    if (probe.status === null) events.push({ type: 'probe_observed_first', probe: name, mode, observed_at: at });
    if (failed && !probe.hasFailed)
      events.push({ type: 'probe_failure_first', probe: name, mode, first_failed_at: at });
    events.push({
      type: 'probe_result',
      probe: name,
      mode,
      status: reading.status,
      observed_at: at,
      failure_reason: reason,
    });
    return {
      ...probe,
      status: reading.status,
      failingSince: failed ? reading.at : null,
      reason,
      hasFailed: probe.hasFailed || failed,
    };
  });
  return { probes: changed ? next : probes, events };
}

export interface SustainedFailure {
  readonly probes: readonly string[];
  /** How long the one has failed that fails the longest. */
  readonly sustainedMs: number;
}

/** The `enforce` probes that have been failing for at least `limitMs`; null when there are none. */
export function findSustainedFailure(
  probes: readonly ProbeState[],
  limitMs: number,
  now: ClockReading,
): SustainedFailure | null {
  const failing = probes.flatMap(({ name, mode, failingSince }) =>
    mode === 'enforce' && failingSince !== null ? [{ name, ms: elapsedMs(failingSince, now) }] : [],
  );
  const sustained = failing.filter(({ ms }) => ms >= limitMs);
  if (sustained.length === 0) return null;
  return { probes: sustained.map(({ name }) => name), sustainedMs: Math.max(...sustained.map(({ ms }) => ms)) };
}

/** Milliseconds until the next failure of an `enforce` probe has lasted for `limitMs`; infinite when none fails. */
export function untilSustained(probes: readonly ProbeState[], limitMs: number, now: ClockReading): number {
  const left = probes.flatMap(({ mode, failingSince }) =>
    mode === 'enforce' && failingSince !== null ? [limitMs - elapsedMs(failingSince, now)] : [],
  );
  return Math.min(...left.filter((ms) => ms > 0));
}

/** Whether every `enforce` probe has been run and passes. */
export function allPass(probes: readonly ProbeState[]): boolean {
  return probes.every(({ mode, status }) => mode === 'observe' || status === 'pass');
}
