import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { Lookup } from '../../domain/lookups.ts';
import type { AgentEvent, NumberedEvent, RolloutHost } from '../../domain/rollout.ts';
import { classifySeq } from '../../rollout/classify-seq.ts';
import { decideEvent } from '../../rollout/decide-event.ts';
import { Rollout } from '../../rollout/rollout.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { authorize } from './authorize.ts';

/** The next event of an open rollout needs no lookup, except `converged`, which needs the telemetry of the soak. */
export function lookupsOfEvent(
  state: State,
  command: CommandOf<'report_event'>,
  found: LookupCache,
): readonly Lookup[] {
  const { rolloutId, numbered } = command;
  const { name } = state.fleet.hostByNumber(command.identity.hostId).stored;
  const open = state.index.rollout(rolloutId);
  const lookups: Lookup[] = [];
  if (open === undefined) {
    const row = hostLookup(rolloutId, name);
    if (!found.has(row)) return [row];
    lookups.push(row);
  }
  const part = partOf(state, rolloutId, name, found);
  if (part === undefined) return lookups;
  if (numbered.seq <= part.lastSeq) lookups.push(eventLookup(rolloutId, name, numbered.seq));
  else if (open === undefined) lookups.push({ kind: 'rollout', rolloutId });
  else if (numbered.event.type === 'converged') return state.judge.lookupsOfLast(open, part, command.nowMs, found);
  return lookups;
}

function hostLookup(rolloutId: string, host: string) {
  return { kind: 'rollout_host', rolloutId, host } as const;
}

function eventLookup(rolloutId: string, host: string, seq: number) {
  return { kind: 'applied_event', rolloutId, host, seq } as const;
}

function partOf(state: State, rolloutId: string, name: string, found: LookupCache): RolloutHost | undefined {
  const open = state.index.rollout(rolloutId);
  return open === undefined ? (found.get(hostLookup(rolloutId, name)) ?? undefined) : open.host(name);
}

/** Applies one numbered event of a host. Throws `forbidden`, `not_found`, or `conflict` with the host's current state. */
export function reportEvent(
  state: State,
  command: CommandOf<'report_event'>,
  found: LookupCache,
): Outcomes['report_event'] {
  const { host } = authorize(state.fleet, command.identity);
  const { name } = host.stored;
  if (command.hostname !== name) {
    throw new NexusError('forbidden', `this token belongs to '${name}', not to '${command.hostname}'`);
  }
  const { rolloutId, numbered, nowMs } = command;
  const part = partOf(state, rolloutId, name, found);
  if (part === undefined) {
    throw new NexusError('not_found', `there is no rollout '${rolloutId}' with the host '${name}'`);
  }
  if (isDuplicate(rolloutId, part, numbered, found)) return { applied: false };
  const rollout = openRollout(state, rolloutId, found);
  if (numbered.event.type === 'converged') state.judge.judgeLast(rollout, part, nowMs, found);
  const decision = decideEvent(rollout, name, numbered, nowMs);
  if (!decision.ok) throw refusal(part, decision.refusal);
  noteEpoch(state, rollout, name, numbered.event);
  for (const entry of decision.entries) state.driver.apply(rollout, entry, nowMs);
  if (numbered.event.type === 'dispatch_ack') state.driver.takeOver(rollout, name, nowMs);
  return { applied: true };
}

/** Before the event is applied: a refused offer is made again with an epoch beyond the agent's. */
function noteEpoch({ driver }: State, rollout: Rollout, name: string, event: AgentEvent): void {
  const epoch = event.type === 'dispatch_ack' || event.type === 'dispatch_refused' ? event.agentEpoch : undefined;
  if (epoch !== undefined) driver.noteEpoch(rollout.plan.stack, name, epoch);
}

function refusal(part: RolloutHost, detail: string): NexusError {
  return new NexusError('conflict', detail, { details: { current_state: part.state, last_event_seq: part.lastSeq } });
}

/** Throws `conflict` when a different event was applied under that number. */
function isDuplicate(rolloutId: string, part: RolloutHost, numbered: NumberedEvent, found: LookupCache): boolean {
  const { seq, bodyDigest } = numbered;
  const applied = seq > part.lastSeq ? null : found.get(eventLookup(rolloutId, part.name, seq));
  const seqClass = classifySeq(part.lastSeq, seq, bodyDigest, applied ?? undefined);
  if (seqClass === 'conflict') throw refusal(part, `another event has been applied under the number ${seq}`);
  return seqClass === 'duplicate';
}

/** The rollout in memory. A closed one is opened again: an event of one of its hosts has arrived. */
function openRollout(state: State, rolloutId: string, found: LookupCache): Rollout {
  const known = state.index.rollout(rolloutId);
  if (known !== undefined) return known;
  const stored = found.get({ kind: 'rollout', rolloutId });
  if (stored === null) throw new NexusError('not_found', `there is no rollout '${rolloutId}'`);
  const rollout = Rollout.restore(stored);
  state.index.addRollout(rollout);
  state.driver.open(rollout);
  return rollout;
}
