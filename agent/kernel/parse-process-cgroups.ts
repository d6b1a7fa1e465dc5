/** The cgroups one process is in. Paths are relative to the reader's cgroup namespace. */
export interface ProcessCgroups {
  /** Version 1: controller name → path. */
  readonly byController: ReadonlyMap<string, string>;
  /** Version 2; null when the kernel has no unified hierarchy. */
  readonly unified: string | null;
}

/** Reads `/proc/<pid>/cgroup` (cgroups(7)): lines of `hierarchy-id:controllers:path`. */
export function parseProcessCgroups(text: string): ProcessCgroups {
  const byController = new Map<string, string>();
  let unified: string | null = null;
  for (const line of text.split('\n')) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (first < 0 || second < 0) continue;
    const path = line.slice(second + 1);
    const controllers = line.slice(first + 1, second);
    if (line.startsWith('0:') && controllers === '') unified = path;
    else for (const controller of controllers.split(',')) byController.set(controller, path);
  }
  return { byController, unified };
}
