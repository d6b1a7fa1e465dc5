import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Brings the names in a directory to disk (fsync(2): a file's own fsync does not). */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Puts `content` at `path` so that a crash or power cut at any moment leaves either the old file or the new one, whole,
 * and the new one for sure once this has returned. Throws the system's error.
 */
export async function writeDurably(path: string, content: string | Uint8Array, fileMode: number): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, 'w', fileMode);
    try {
      // The process's umask may have taken away what whoever reads it needs.
      await file.chmod(fileMode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}
