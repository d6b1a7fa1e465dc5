import { dirname } from 'node:path';
import { type FileSystem, isSystemError } from './file-system.ts';

/**
 * Has a directory at `path`, with those above it, whose names survive a power cut. One that is there already may have
 * been made by a process that died before it could sync the parent, so that is done for it too; whoever calls this does so once
 * per process and directory. Throws the system's error, EEXIST when something else than a directory is in the way.
 */
export async function makeDirectory(files: FileSystem, path: string, mode: number): Promise<void> {
  try {
    await files.mkdir(path, mode);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) {
      await makeDirectory(files, dirname(path), mode);
      return makeDirectory(files, path, mode);
    }
    if (!isSystemError(error, 'EEXIST') || !(await files.stat(path)).isDirectory) throw error;
  }
  try {
    await files.syncDirectory(dirname(path));
  } catch (error) {
    // A directory that was made for this user lies in one that is not theirs to open; whoever made it answers for its name.
    if (!isSystemError(error, 'EACCES', 'EPERM')) throw error;
  }
}
