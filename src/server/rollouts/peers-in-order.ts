/**
 * The order in which hosts of a rollout are asked to stand for those that are not updated yet. A hash over the rollout's
 * id, which ends in random bits, decides: no host can choose its name so that it becomes a peer of another one.
 */
import type { Rollout } from '../../rollout/rollout.ts';

const orders = new WeakMap<Rollout, readonly string[]>();

/** The names of all hosts of the rollout, always in the same order. */
export function peersInOrder(rollout: Rollout): readonly string[] {
  const known = orders.get(rollout);
  if (known !== undefined) return known;
  const ranked = [...rollout.hosts.keys()].map((name) => ({ name, rank: hash(`${rollout.plan.id} ${name}`) }));
  const order = ranked.sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  orders.set(rollout, order);
  return order;
}

/** FNV-1a, 32 bits, with a final mix so that names which differ in their last character are spread as well. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  return (state ^ (state >>> 13)) >>> 0;
}
