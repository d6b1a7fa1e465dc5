import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { NumberedEvent, RolloutHost } from '../../domain/rollout.ts';
import type { Store } from '../../domain/store.ts';
import { classifySeq } from '../../rollout/classify-seq.ts';
import { decideEvent } from '../../rollout/decide-event.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { entryOf } from '../../rollout/stored-entry.ts';
import type { SoakJudge } from '../rollouts/soak-judge.ts';
import { restoreRollout } from '../state/rollout-index.ts';
import type { State } from '../state/state.ts';
import { authorize } from './authorize.ts';

/** One numbered event of one host. Throws `forbidden`, `not_found`, or `conflict` with where the host stands. */
export function reportEvent(
  state: State,
  judge: SoakJudge,
  command: CommandOf<'report_event'>,
): Outcomes['report_event'] {
  const { host } = authorize(state.fleet, command.identity);
  const { name } = host.stored;
  if (command.hostname !== name) {
    throw new NexusError('forbidden', `this token belongs to '${name}', not to '${command.hostname}'`);
  }
  const part =
    state.index.rollout(command.rolloutId)?.host(name) ?? state.store.rollouts.findHost(command.rolloutId, name);
  if (part === undefined) {
    throw new NexusError('not_found', `there is no rollout '${command.rolloutId}' with the host '${name}'`);
  }
  if (isDuplicate(state.store, command.rolloutId, part, command.numbered)) return { applied: false };
  const rollout = openRollout(state, command.rolloutId);
  if (command.numbered.event.type === 'converged') judge.judgeLast(state, rollout, part, command.nowMs);
  const decision = decideEvent(rollout, name, command.numbered, command.nowMs);
  if (!decision.ok) throw refusal(part, decision.refusal);
  for (const entry of decision.entries) state.driver.apply(rollout, entry, command.nowMs);
  return { applied: true };
}

function refusal(part: RolloutHost, detail: string): NexusError {
  return new NexusError('conflict', detail, { details: { current_state: part.state, last_event_seq: part.lastSeq } });
}

/** Throws `conflict` when another event has that number. */
function isDuplicate(store: Store, rolloutId: string, part: RolloutHost, numbered: NumberedEvent): boolean {
  const { seq, bodyDigest } = numbered;
  const stored = seq > part.lastSeq ? undefined : storedDigest(store, rolloutId, part.name, seq);
  const seqClass = classifySeq(part.lastSeq, seq, bodyDigest, stored);
  if (seqClass === 'conflict') throw refusal(part, `another event has been applied under the number ${seq}`);
  return seqClass === 'duplicate';
}

function storedDigest(store: Store, rolloutId: string, name: string, seq: number): string | undefined {
  for (const event of store.events.ofRolloutHost(rolloutId, name)) {
    const entry = entryOf(event);
    if (entry.kind !== 'host_reported') continue;
    const { numbered } = entry;
    if (numbered.seq === seq) return numbered.bodyDigest;
    if (numbered.seq < seq) return undefined;
  }
  return undefined;
}

/** The rollout in memory; one that had been put away because nothing was expected of it is taken up again. */
function openRollout(state: State, id: string): Rollout {
  const known = state.index.rollout(id);
  if (known !== undefined) return known;
  const rollout = restoreRollout(state.store, id);
  if (rollout === undefined) throw new NexusError('not_found', `there is no rollout '${id}'`);
  state.index.addRollout(rollout);
  state.driver.open(rollout);
  return rollout;
}
