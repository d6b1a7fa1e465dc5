import { invariant } from '../../domain/errors.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import type { Holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';
import { findCircle, predecessorsOf } from './predecessors.ts';

/** A label that names an unknown host is looked at again after this time: that host may be added later. */
const RECHECK_MS = 60_000;

/** The database before what needs it: see the `after` label. */
export function checkOrdering(context: GateContext, { name }: RolloutHost): Holding | null {
  const predecessors = predecessorsOf(context, name);
  if (!predecessors.ok) return { hold: predecessors.hold, wakeAtMs: context.nowMs + RECHECK_MS, waitsFor: null };
  const groups = predecessors.value;
  const [group] = groups;
  if (group === undefined) return null;
  const trail = findCircle(context, name);
  // The last of them likely converges last: waiting for that one wakes this host once, and not for each of them.
  const waitsFor = group.findLast((before) => before !== name) ?? null;
  if (trail !== null) return { hold: { gate: 'ordering', kind: 'circle', trail }, wakeAtMs: null, waitsFor };
  const first = context.rollout.host(group.find((before) => before !== name) ?? name);
  invariant(first !== undefined, `${quote(name)} must wait for hosts of its own rollout`);
  const count = groups.reduce((sum, names) => sum + names.length - (names.includes(name) ? 1 : 0), 0);
  const hold = {
    gate: 'ordering',
    kind: 'predecessor',
    host: name,
    first: first.name,
    wave: first.wave,
    state: first.epoch === null ? 'not_dispatched' : first.state,
    others: count - 1,
  } as const;
  return { hold, wakeAtMs: null, waitsFor };
}
