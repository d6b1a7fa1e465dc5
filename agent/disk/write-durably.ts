import { dirname } from 'node:path';
import type { FileSystem } from './file-system.ts';

/**
 * Puts `content` at `path` so that a crash or power cut at any moment leaves either the old file or the new one, whole,
 * and the new one for sure once this has returned. Throws the system's error.
 */
export async function writeDurably(
  files: FileSystem,
  path: string,
  content: string | Uint8Array,
  fileMode: number,
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await files.open(temporary, 'replace', fileMode);
    try {
      // The process's umask may have taken away what readers need.
      await file.chmod(fileMode);
      await file.write(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    await files.remove(temporary).catch(() => {});
    throw error;
  }
  await files.syncDirectory(dirname(path));
}
