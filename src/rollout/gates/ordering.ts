import type { RolloutHost } from '../../domain/rollout.ts';
import { plural, quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, holdUntil } from './gate.ts';
import { AFTER_LABEL, findCircle, predecessorsOf } from './predecessors.ts';

/** How soon a label that names nobody is looked at again: the host may be added without this one being touched. */
const RECHECK_MS = 60_000;

/** The database before what needs it: see the `after` label. */
export function checkOrdering(scene: GateContext, { name }: RolloutHost): Holding | null {
  const predecessors = predecessorsOf(scene, name);
  if (!predecessors.ok) return holdUntil('ordering', predecessors.why, scene.nowMs + RECHECK_MS);
  const groups = predecessors.value;
  const [group] = groups;
  if (group === undefined) return null;
  const circle = findCircle(scene, name);
  // The last of them is likely the last to come through: waiting for it wakes this host once, and not for each.
  const waitsFor = group.findLast((before) => before !== name) ?? null;
  if (circle !== null) {
    const trail = circle.map(quote).join(' after ');
    return { ...hold('ordering', `hosts wait for one another: ${trail}; change a label ${AFTER_LABEL}`), waitsFor };
  }
  const first = group.find((before) => before !== name) ?? name;
  const host = scene.rollout.host(first);
  const state = host?.epoch === null ? 'not dispatched' : host?.state;
  const where = host === undefined ? '' : ` (wave ${host.wave + 1}, ${state})`;
  const more = groups.reduce((sum, names) => sum + names.length - (names.includes(name) ? 1 : 0), 0) - 1;
  const others = more === 0 ? '' : `, and of ${plural(more, 'more host')}`;
  return { ...hold('ordering', `${quote(name)} waits for the end of ${quote(first)}${where}${others}`), waitsFor };
}
