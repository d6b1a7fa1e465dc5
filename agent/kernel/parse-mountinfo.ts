/** One mounted cgroup hierarchy, as this process sees it. */
export interface CgroupMount {
  /** Controllers of a version 1 hierarchy (`cpuacct`, `memory`…); null for the unified version 2 hierarchy. */
  readonly controllers: ReadonlySet<string> | null;
  /** Which cgroup of the hierarchy is mounted, relative to this process's cgroup namespace (may start with `/..`). */
  readonly root: string;
  readonly mountPoint: string;
}

/** proc(5): space, tab, newline and backslash appear as octal escapes. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The cgroup mounts in `/proc/self/mountinfo` (proc_pid_mountinfo(5)), in the order they are listed. */
export function parseCgroupMounts(text: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of text.split('\n')) {
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const [, , , root, mountPoint] = line.slice(0, separator).split(' ');
    const [fileSystem, , superOptions] = line.slice(separator + 3).split(' ');
    if (root === undefined || mountPoint === undefined) continue;
    if (fileSystem !== 'cgroup' && fileSystem !== 'cgroup2') continue;
    mounts.push({
      controllers: fileSystem === 'cgroup' ? new Set((superOptions ?? '').split(',')) : null,
      root: unescapePath(root),
      mountPoint: unescapePath(mountPoint),
    });
  }
  return mounts;
}
