/** A simulated disk as the agent's file system port, for one process. */
import type { FileSystem } from '../../../../agent/disk/file-system.ts';
import { type Disk, SystemError } from './disk.ts';
import type { SimulatedProcess } from './machine.ts';

/** How long a sync takes, as a rule. */
const MAX_SYNC_MS = 12;
/** Share of the other operations that do not end at once, so that others get in between. */
const SLOW_SHARE = 0.1;

export interface DiskPace {
  /** Every operation takes this many times as long. */
  slowness: number;
}

export function fileSystemOf(process: SimulatedProcess, disk: Disk, pace: DiskPace): FileSystem {
  const { random } = process.machine;
  /** What is in the page cache: done at once, noticed by the process now or a little later. */
  async function cached<T>(operate: () => T): Promise<T> {
    if (random.chance(SLOW_SHARE)) await process.elapse(random.next() * pace.slowness);
    return operate();
  }
  /** What waits for the platters: done at the end, so that a power cut meanwhile finds it undone. */
  async function synced(operate: () => void): Promise<void> {
    await process.elapse((0.2 + random.next() ** 3 * MAX_SYNC_MS) * pace.slowness);
    operate();
  }
  return {
    open: (path, how) =>
      cached(() => {
        const file = disk.open(path, how);
        return {
          write: (content) => cached(() => disk.append(file, Buffer.from(content), path)),
          chmod: () => cached(() => {}),
          truncate: (sizeBytes) => cached(() => disk.truncate(file, sizeBytes, path)),
          sync: () => synced(() => disk.sync(file, path)),
          datasync: () => synced(() => disk.sync(file, path)),
          close: () => cached(() => {}),
        };
      }),
    readFile: (path) => cached(() => disk.read(path)),
    stat: (path) => cached(() => disk.stat(path)),
    kindOf: (path) => cached(() => (disk.stat(path).isDirectory ? 'directory' : 'file')),
    link: (_target, path) => Promise.reject(new SystemError('EPERM', 'symlink', path)),
    hold: (path) =>
      cached(() => {
        if (!disk.stat(path).isDirectory) throw new SystemError('ENOTDIR', 'open', path);
        return { path, close: () => cached(() => {}) };
      }),
    readdir: (path) => cached(() => disk.list(path)),
    mkdir: (path) => cached(() => disk.makeDirectory(path)),
    chmod: (path) => cached(() => void disk.stat(path)),
    rename: (from, to) => cached(() => disk.rename(from, to)),
    remove: (path) => cached(() => disk.remove(path)),
    syncDirectory: (path) => synced(() => disk.syncDirectory(path)),
  };
}
