import { statSync } from 'node:fs';

/** Identifies the file at a path and its state. A different stamp means another file or other content. */
export interface FileStamp {
  readonly inode: string;
  readonly sizeBytes: number;
  readonly changedAtMs: number;
}

/** Null when there is no such file, or its directory cannot be read. */
export function stampOf(file: string): FileStamp | null {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file);
    return { inode: `${dev}:${ino}`, sizeBytes: size, changedAtMs: mtimeMs };
  } catch {
    // Opening the file reports why it cannot be read.
    return null;
  }
}
