import type { CgroupMount } from './parse-mountinfo.ts';
import type { ProcessCgroups } from './parse-process-cgroups.ts';

/** Where a container's counters may be: directories to try, the first that exists holds them. */
export type CgroupDirectories =
  | {
      readonly version: 1;
      readonly cpuacct: readonly string[];
      readonly memory: readonly string[];
      readonly blkio: readonly string[];
    }
  | { readonly version: 2; readonly unified: readonly string[] };

/**
 * The container's own cgroup out of its first process's: everything up to the part that carries the container's id
 * (`/docker/<id>`, `/system.slice/docker-<id>.scope`, `/custom/<id>`). A process may have moved itself further down
 * (an init system inside the container does), and the counters of the whole container are wanted. Null when no part
 * carries the id: then the process is not this container's (its number belongs to another PID namespace).
 */
function containerCgroup(path: string, containerId: string): string | null {
  const at = path.indexOf(containerId);
  if (at < 0) return null;
  const end = path.indexOf('/', at);
  return end < 0 ? path : path.slice(0, end);
}

/** A cgroup's directory below one mount, or null when that mount does not reach it. */
function directoryBelow(mount: CgroupMount, cgroup: string): string | null {
  if (mount.root === '/') return cgroup.startsWith('/..') ? null : mount.mountPoint + cgroup;
  if (cgroup !== mount.root && !cgroup.startsWith(`${mount.root}/`)) return null;
  const below = cgroup.slice(mount.root.length);
  // What is left may only lead down: the mount's own root can itself start with `/..` in a private namespace.
  return below.startsWith('/..') ? null : mount.mountPoint + below;
}

/**
 * Finds a container's cgroup from what the kernel says of its first process and of this process's mounts, whatever
 * the engine's cgroup driver, parent or namespace mode. Null when no mount shows it.
 */
export function locateCgroup(
  mounts: readonly CgroupMount[],
  cgroups: ProcessCgroups,
  containerId: string,
): CgroupDirectories | null {
  const below = (path: string | null | undefined, belongs: (mount: CgroupMount) => boolean): string[] => {
    const cgroup = path ? containerCgroup(path, containerId) : null;
    if (cgroup === null) return [];
    return mounts
      .filter(belongs)
      .map((mount) => directoryBelow(mount, cgroup))
      .filter((directory) => directory !== null);
  };
  const ofController = (name: string): string[] =>
    below(cgroups.byController.get(name), (mount) => mount.controllers?.has(name) ?? false);

  // On a hybrid host the unified hierarchy exists beside version 1 but has no controllers: version 1 comes first.
  const cpuacct = ofController('cpuacct');
  if (cpuacct.length > 0) {
    return { version: 1, cpuacct, memory: ofController('memory'), blkio: ofController('blkio') };
  }
  const unified = below(cgroups.unified, (mount) => mount.controllers === null);
  return unified.length > 0 ? { version: 2, unified } : null;
}
