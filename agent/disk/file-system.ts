/**
 * The file operations that the agent's durable state is made of, as a port, so that a simulated disk can lose, tear and
 * refuse writes below the real code. Everything rejects with the system's error, whose `code` names it ('ENOENT',
 * 'EEXIST', 'ENOSPC', 'EIO'). Until it is synced, a write, a new name, a rename or a removal may be lost in a power cut.
 */
export interface FileSystem {
  /**
   * Opens a file for writing. `create` refuses a file that is there (EEXIST); `replace` empties it. The umask may take
   * away from `mode`.
   */
  open(path: string, how: 'create' | 'replace', mode: number): Promise<OpenFile>;
  readFile(path: string): Promise<Buffer>;
  stat(path: string): Promise<FileStatus>;
  /** What a name itself is: a link is not followed. */
  kindOf(path: string): Promise<PathKind>;
  /** Makes `path` a symbolic link to `target`. */
  link(target: string, path: string): Promise<void>;
  /**
   * Holds a directory open. Rejects with ENOTDIR or ELOOP when its last part is a link or no directory: nobody can lead
   * what happens below {@link HeldDirectory.path} elsewhere.
   */
  hold(path: string): Promise<HeldDirectory>;
  /** The names in a directory, in no particular order. */
  readdir(path: string): Promise<string[]>;
  /** One directory, whose parent is there. */
  mkdir(path: string, mode: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Puts `from` in the place of `to`, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with everything in it; one that is missing is fine. */
  remove(path: string): Promise<void>;
  /** Brings the names in a directory to disk; syncing a file does not bring its own name there (fsync(2)). */
  syncDirectory(path: string): Promise<void>;
}

export interface FileStatus {
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
}

export type PathKind = 'file' | 'directory' | 'link' | 'other';

export interface HeldDirectory {
  /** Leads to this very directory, whatever its own name stands for by now. */
  readonly path: string;
  close(): Promise<void>;
}

/** A file that is being written, at its end. */
export interface OpenFile {
  /** Writes all of `content`. Part of it may be in the file when this rejects. */
  write(content: string | Uint8Array): Promise<void>;
  chmod(mode: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Brings content and attributes to disk. After a rejection, what was written since the last sync counts as lost. */
  sync(): Promise<void>;
  /** As {@link sync}, without attributes that reading the content back does not need. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** Whether `error` is the system's error of one of these names. */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
