/**
 * Order among the hosts of a rollout: the `after` label of a host names or selects the hosts that must have converged
 * before it is dispatched. Ten thousand hosts may wait for five thousand, so what a selector finds is worked out once
 * per context and shared, never copied for each of them.
 */
import { isHostName } from '../../domain/host.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { type GateContext, remember } from './gate-context.ts';
import type { Hold } from './hold.ts';
import { AFTER_LABEL } from './labels.ts';

/** How far circles are looked for in one context. Hosts beyond that are held as well, but not told of their circle. */
const MAX_STEPS = 10_000;
const MAX_TRAIL = 500;

/** The hosts that one item of the label stands for, without those that no longer have to be waited for. */
type Group = readonly string[];

type Found<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly hold: Hold };

/** No longer waited for: it has converged, or it has left the rollout. */
function isDone(host: RolloutHost): boolean {
  return host.state === 'converged' || host.left;
}

/** The hosts of this rollout that `name` still waits for, in groups; a group may hold `name` itself. */
export function predecessorsOf(context: GateContext, name: string): Found<readonly Group[]> {
  return remember(context, `before ${name}`, () => {
    const items = (context.fleet.host(name)?.labels[AFTER_LABEL] ?? '').split(',').map((item) => item.trim());
    const groups: Group[] = [];
    for (const item of items) {
      if (item === '') continue;
      const found = item.includes('=') ? selectHosts(context, item) : findHost(context, name, item);
      if (!found.ok) return found;
      if (found.value.some((before) => before !== name || item === name)) groups.push(found.value);
    }
    return { ok: true, value: groups };
  });
}

function findHost(context: GateContext, name: string, wanted: string): Found<Group> {
  const host = context.rollout.host(wanted);
  if (host !== undefined) return { ok: true, value: isDone(host) ? [] : [wanted] };
  if (isHostName(wanted) && context.fleet.host(wanted) !== null) return { ok: true, value: [] };
  const kind = isHostName(wanted) ? 'unknown_host' : 'bad_name';
  return { ok: false, hold: { gate: 'ordering', kind, host: name, named: wanted } };
}

/** Reads the labels of every host of the rollout. */
function selectHosts(context: GateContext, selector: string): Found<Group> {
  return remember(context, `selected by ${selector}`, () => {
    const [key = '', ...rest] = selector.split('=');
    const wanted = rest.join('=');
    const value: string[] = [];
    for (const host of context.rollout.hosts.values()) {
      if (isDone(host)) continue;
      if (context.fleet.host(host.name)?.labels[key] === wanted) value.push(host.name);
    }
    return { ok: true, value };
  });
}

/** Finds hosts that wait for one another, starting from `name`; the circle begins and ends with the same host. */
export function findCircle(context: GateContext, name: string): readonly string[] | null {
  const search = remember(context, 'search for circles', () => ({ steps: 0, clear: new Set<string>() }));
  const trail: string[] = [];
  const walk = (at: string): readonly string[] | null => {
    const begun = trail.indexOf(at);
    if (begun >= 0) return [...trail.slice(begun), at];
    if (search.clear.has(at) || trail.length === MAX_TRAIL) return null;
    trail.push(at);
    const groups = predecessorsOf(context, at);
    for (const group of groups.ok ? groups.value : []) {
      for (const before of group) {
        // A selector that matches its own host is not meant to wait for it; a label that names it is.
        if (before === at && group.length > 1) continue;
        search.steps += 1;
        const circle = search.steps > MAX_STEPS ? null : walk(before);
        if (circle !== null) return circle;
      }
    }
    trail.pop();
    search.clear.add(at);
    return null;
  };
  return walk(name);
}
