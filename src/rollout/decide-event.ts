/** An agent's event about one rollout: the entries it comes to, or why it is refused. */
import type { NumberedEvent } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { haltAfter } from './decide-end.ts';
import type { LaterEntry } from './evolve.ts';
import { step } from './evolve-host.ts';
import type { GateContext } from './gates/gate.ts';

export type Received =
  /** To be applied together, in order: a failure beyond the threshold brings the end of the rollout with it. */
  { readonly ok: true; readonly entries: readonly LaterEntry[] } | { readonly ok: false; readonly refusal: string };

export function receiveReport(
  rollout: GateContext['rollout'],
  name: string,
  numbered: NumberedEvent,
  nowMs: number,
): Received {
  const host = rollout.host(name);
  if (host === undefined) return { ok: false, refusal: `${quote(name)} is not part of rollout ${rollout.plan.id}` };
  const { status } = rollout.progress;
  if (numbered.event.type === 'dispatch_ack' && status !== 'active') {
    // Its withdrawal may still be on its way through the same transaction.
    return { ok: false, refusal: `the rollout is ${status}: what it offered to ${quote(name)} is withdrawn` };
  }
  const stepped = step(host, numbered, rollout.plan, nowMs);
  if (!stepped.ok) return stepped;
  const reported: LaterEntry = { kind: 'host_reported', host: name, numbered };
  const halt = stepped.host.state === 'failed' ? haltAfter(rollout, stepped.host) : null;
  return { ok: true, entries: halt === null ? [reported] : [reported, halt] };
}
