/** The entries of a rollout as the log stores them. Stored words stay: the log calls an agent's event a `fact`. */
import { NexusError } from '../domain/errors.ts';
import type { LogEvent, NewLogEvent } from '../domain/event-log.ts';
import type { AgentEvent, NumberedEvent, RolloutEntry } from '../domain/rollout.ts';
import {
  anything,
  listOf,
  nullable,
  number,
  object,
  oneOf,
  optional,
  tagged,
  text,
  wholeNumber,
} from '../domain/stored-json.ts';
import {
  evidenceShape,
  imagesShape,
  planShape,
  probeModeShape,
  troubleShape,
  upgradePlan,
  verdictShape,
} from './stored-rows.ts';

type Reported = Extract<RolloutEntry, { readonly kind: 'host_reported' }>;
type StoredEntry =
  | Exclude<RolloutEntry, Reported>
  | (Omit<Reported, 'numbered'> & {
      readonly numbered: Omit<NumberedEvent, 'event'> & { readonly fact: AgentEvent };
    });

/** What older agents do not tell is left out, so that an entry keeps its bytes. */
const eventShape = tagged<'type', AgentEvent>('type', {
  dispatch_ack: object({
    type: anything,
    currentRelease: nullable(text),
    receivedAtMs: number,
    agentEpoch: optional(wholeNumber),
  }),
  dispatch_refused: object({ type: anything, reason: text, detail: text, agentEpoch: optional(wholeNumber) }),
  activation_started: object({ type: anything, startedAtMs: number, method: text }),
  activation_completed: object({
    type: anything,
    observedRelease: text,
    exitCode: number,
    completedAtMs: number,
    images: optional(imagesShape),
  }),
  activation_deferred: object({ type: anything, reason: text, deferredAtMs: number }),
  activation_failed: object({
    type: anything,
    exitCode: number,
    stderrTail: text,
    failedAtMs: number,
    trouble: optional(troubleShape),
    evidence: optional(evidenceShape),
  }),
  probe_topology_declared: object({
    type: anything,
    probes: listOf(
      object<{ readonly name: string; readonly mode: 'enforce' | 'observe' }>({ name: text, mode: probeModeShape }),
    ),
    declaredAtMs: number,
  }),
  probe_observed_first: object({ type: anything, probe: text, mode: probeModeShape, observedAtMs: number }),
  probe_result: object({
    type: anything,
    probe: text,
    mode: probeModeShape,
    status: oneOf(['pass', 'fail']),
    observedAtMs: number,
    failureReason: nullable(text),
  }),
  probe_failure_first: object({ type: anything, probe: text, mode: probeModeShape, firstFailedAtMs: number }),
  failed: object({
    type: anything,
    failedAtMs: number,
    sustainedSeconds: number,
    failingProbes: listOf(text),
    policyApplied: text,
    evidence: optional(evidenceShape),
  }),
  rollback_completed: object({
    type: anything,
    revertedToRelease: nullable(text),
    exitCode: number,
    completedAtMs: number,
    outputTail: optional(text),
  }),
  rollback_failed: object({ type: anything, exitCode: number, outputTail: text, failedAtMs: number }),
  converged: object({ type: anything, convergedAtMs: number, currentRelease: text }),
});

const entryShape = tagged<'kind', StoredEntry>('kind', {
  rollout_created: object({ kind: anything, plan: planShape }),
  rollout_paused: object({ kind: anything }),
  rollout_resumed: object({ kind: anything }),
  rollout_aborted: object({ kind: anything, reason: text }),
  rollout_superseded: object({ kind: anything, by: text }),
  rollout_halted: object({ kind: anything, host: text, reason: text }),
  rollout_converged: object({ kind: anything }),
  wave_promoted: object({ kind: anything, wave: wholeNumber, skipped: listOf(text) }),
  host_dispatched: object({ kind: anything, host: text, epoch: wholeNumber }),
  dispatch_withdrawn: object({ kind: anything, host: text }),
  host_reported: object({
    kind: anything,
    host: text,
    numbered: object({ seq: wholeNumber, bodyDigest: text, fact: eventShape }),
  }),
  telemetry_judged: object({ kind: anything, host: text, verdict: verdictShape }),
  host_left: object({ kind: anything, host: text }),
  rollout_stalled: object({ kind: anything, host: text, sinceMs: number }),
  host_lost: object({ kind: anything, host: text, sinceMs: number }),
  host_returned: object({ kind: anything, host: text }),
  soak_restarted: object({ kind: anything, host: text, byMs: nullable(number) }),
  host_dropped: object({ kind: anything, host: text, reason: text }),
});

function storedEntryOf(entry: RolloutEntry): StoredEntry {
  if (entry.kind !== 'host_reported') return entry;
  const { event, ...numbered } = entry.numbered;
  return { ...entry, numbered: { ...numbered, fact: event } };
}

export function logEventOf(rolloutId: string, entry: RolloutEntry, atMs: number): NewLogEvent {
  const { kind, ...rest } = storedEntryOf(entry);
  const { host = null, ...data } = { host: null, ...rest };
  return { atMs, kind, host, rolloutId, data };
}

/** Throws `store_unavailable` on one that is no entry of a rollout, or is damaged. */
export function entryOf({ id, kind, host, data }: LogEvent): RolloutEntry {
  const fields = kind === 'rollout_created' ? { ...data, plan: upgradePlan(data['plan']) } : data;
  const stored: unknown = { kind, ...(host === null ? {} : { host }), ...fields };
  const mistake = entryShape(stored);
  if (mistake !== null) {
    throw new NexusError(
      'store_unavailable',
      `entry ${id} of the log cannot be read as a ${kind} (${mistake}): the database is damaged; ` +
        'stop Nexus, keep nexus.db aside and restore a backup',
    );
  }
  const entry = stored as StoredEntry;
  if (entry.kind !== 'host_reported') return entry;
  const { fact, ...numbered } = entry.numbered;
  return { ...entry, numbered: { ...numbered, event: fact } };
}
