/** What a release mounts and does not bring along, so that its containers would find an empty directory in its place. */
import { posix } from 'node:path';

export interface ForgottenMount {
  readonly service: string;
  /** As the Compose file has it. */
  readonly source: string;
}

interface Mount {
  readonly service: string;
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly mustExist: boolean;
}

/**
 * The relative bind mounts that nothing can ever fill: the release ships no file for them, and they are read-only or are
 * not to be made when they are missing. A path that a variable makes may be any, so where a container may write to one,
 * nothing is certain. `projects`: the Compose files in the order in which they are merged, as plain values.
 */
export function findForgottenMounts(
  projects: readonly Readonly<Record<string, unknown>>[],
  files: readonly string[],
): ForgottenMount[] {
  const mounts = listMounts(projects);
  const relative = mounts.filter(({ source }) => /^\.\.?(?:\/|$)/.test(source));
  const writable = mounts.filter(({ isReadOnly, mustExist }) => !isReadOnly && !mustExist);
  if (writable.some(({ source }) => source.includes('$'))) return [];
  const filled = [...files, ...writable.map(({ source }) => posix.normalize(source))];
  return relative
    .filter(({ isReadOnly, mustExist }) => isReadOnly || mustExist)
    .filter(({ source }) => !source.includes('$') && !filled.some((path) => overlap(path, posix.normalize(source))))
    .map(({ service, source }) => ({ service, source }));
}

/** A later Compose file replaces the mount of the same service at the same target. */
function listMounts(projects: readonly Readonly<Record<string, unknown>>[]): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const { services } of projects) {
    for (const [service, definition] of Object.entries(asRecord(services))) {
      const { volumes } = asRecord(definition);
      for (const entry of Array.isArray(volumes) ? volumes : []) {
        const mount = readMount(service, entry);
        if (mount !== null) mounts.set(`${service} ${mount.target}`, mount);
      }
    }
  }
  return [...mounts.values()];
}

/** Compose's two forms of `volumes`: `SOURCE:TARGET[:OPTIONS]`, or a mapping; null for what is no bind mount. */
function readMount(service: string, entry: unknown): Mount | null {
  if (typeof entry === 'string') {
    // The default value of a variable may contain colons.
    const parts = entry.replace(/\$\{[^}]*\}/g, '$').split(':');
    const [source, target, options = ''] = parts;
    if (source === undefined || target === undefined || !/^[./~$]/.test(source)) return null;
    return { service, source, target, isReadOnly: options.split(',').includes('ro'), mustExist: false };
  }
  const { type, source, target, read_only, bind } = asRecord(entry);
  if (type !== 'bind' || typeof source !== 'string') return null;
  const mustExist = asRecord(bind)['create_host_path'] === false;
  return { service, source, target: String(target), isReadOnly: read_only === true, mustExist };
}

/** Whether one of two normalized paths is the other, or lies below it. */
function overlap(a: string, b: string): boolean {
  const [one, other] = [withSlash(a), withSlash(b)];
  return one.startsWith(other) || other.startsWith(one);
}

function withSlash(path: string): string {
  return path === '.' || path === './' ? '' : `${path.replace(/\/$/, '')}/`;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
