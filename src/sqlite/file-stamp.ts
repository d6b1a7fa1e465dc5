import { statSync } from 'node:fs';

/** Which file lies at a path, and in which state: a difference means another file or other content. */
export interface FileStamp {
  readonly inode: string;
  readonly sizeBytes: number;
  readonly changedAtMs: number;
}

/** Null: there is no such file, or its directory cannot be read. */
export function stampOf(file: string): FileStamp | null {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return { inode: `${dev}:${ino}`, sizeBytes: size, changedAtMs: mtimeMs };
  } catch {
    // Whoever opens the file says why it cannot be had.
    return null;
  }
}
