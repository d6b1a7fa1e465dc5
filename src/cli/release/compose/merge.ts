/**
 * Merges Compose files as Compose does, as far as it matters for which files a release needs: later mappings add to
 * earlier ones, lists are joined, mounts replace each other by their target, and `!reset` and `!override` are heeded.
 */
import { isMapping, isOverride, type Mapping, RESET, withoutOverride } from './document.ts';
import { interpolate } from './interpolate.ts';

/** Without the marks of `!reset` and `!override`. */
export function mergeProjects(projects: readonly unknown[]): Mapping {
  const merged = projects.reduce<unknown>((base, over) => merge(base, over, ''), {});
  return isMapping(merged) ? merged : {};
}

function merge(base: unknown, over: unknown, key: string): unknown {
  if (over === RESET) return undefined;
  if (isOverride(over)) return merge(undefined, withoutOverride(over), key);
  if (over === null || over === undefined) return base ?? over;
  if (Array.isArray(over) && Array.isArray(base)) return joinLists(base, over, key);
  if (Array.isArray(over) || !isMapping(over))
    return isMapping(base) && Array.isArray(over) ? [...namesOf(base), ...over] : over;
  // A mapping over nothing is merged too: marks within it are heeded.
  const mapping: Record<string, unknown> = isMapping(base) ? { ...base } : namedList(base);
  for (const [name, value] of Object.entries(over)) {
    const result = merge(mapping[name], value, name);
    if (result === undefined) delete mapping[name];
    else mapping[name] = result;
  }
  return mapping;
}

function joinLists(base: readonly unknown[], over: readonly unknown[], key: string): unknown[] {
  if (key === 'command' || key === 'entrypoint' || key === 'test') return [...over];
  if (key !== 'volumes') return [...base, ...over];
  const targets = new Set(over.map(mountTarget));
  return [...base.filter((mount) => !targets.has(mountTarget(mount))), ...over];
}

/** Where a mount of a service appears in its container. */
function mountTarget(mount: unknown): string {
  if (isMapping(mount)) return String(mount['target']);
  // Variables contain colons of their own: `${DATA:-./data}:/data`.
  const parts = interpolate(String(mount), {}).text.split(':');
  return parts[1] ?? parts[0] ?? '';
}

/** `[a, b=1]` and `{a: null, b: "1"}` are two forms of the same. */
function namedList(list: unknown): Record<string, unknown> {
  if (!Array.isArray(list)) return {};
  return Object.fromEntries(
    list
      .filter((item) => typeof item === 'string')
      .map((item) => {
        const at = item.indexOf('=');
        return at === -1 ? [item, null] : [item.slice(0, at), item.slice(at + 1)];
      }),
  );
}

function namesOf(mapping: Mapping): string[] {
  return Object.entries(mapping).map(([name, value]) =>
    value === null || isMapping(value) ? name : `${name}=${String(value)}`,
  );
}
