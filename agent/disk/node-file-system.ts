import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import type { FileSystem, OpenFile } from './file-system.ts';

const FLAGS = { create: 'ax', replace: 'w' } as const;
const HOLD_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function openFileOf(handle: FileHandle): OpenFile {
  return {
    write: (content) => handle.writeFile(content),
    chmod: (mode) => handle.chmod(mode),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.sync(),
    datasync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

/** This machine's disks. */
export const nodeFileSystem: FileSystem = {
  open: async (path, how, mode) => openFileOf(await open(path, FLAGS[how], mode)),
  readFile: (path) => readFile(path),
  stat: async (path) => {
    const status = await stat(path);
    return { isDirectory: status.isDirectory(), sizeBytes: status.size };
  },
  kindOf: async (path) => {
    const status = await lstat(path);
    if (status.isFile()) return 'file';
    if (status.isDirectory()) return 'directory';
    return status.isSymbolicLink() ? 'link' : 'other';
  },
  link: (target, path) => symlink(target, path),
  hold: async (path) => {
    const handle = await open(path, HOLD_FLAGS);
    return { path: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
  },
  readdir: (path) => readdir(path),
  mkdir: (path, mode) => mkdir(path, mode),
  chmod: (path, mode) => chmod(path, mode),
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncDirectory: async (path) => {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};
