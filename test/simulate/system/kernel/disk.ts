/**
 * A file system as a program may count on it, and no better. What is written is seen by every process at once, and is
 * on disk only after `sync`: of a file for its bytes, of a directory for names (fsync(2)). At a power cut, bytes that
 * were not synced are lost, kept, torn or kept out of order; names keep the order of the file system's journal.
 */
import type { SeededRandom } from '../../../domain/seeded-random.ts';

/** A system error with the code that Node gives it. */
export class SystemError extends Error {
  readonly code: string;

  constructor(code: string, call: string, path: string) {
    super(`${code}: ${call} '${path}'`);
    this.code = code;
  }
}

type Write = { readonly at: number; readonly bytes: Buffer } | { readonly length: number };

class FileNode {
  readonly kind = 'file';
  /** What processes see. Never written in place. */
  content: Buffer = Buffer.alloc(0);
  /** What is on disk for sure. */
  durable: Buffer = Buffer.alloc(0);
  /** From the durable content to the other, in order. */
  unsynced: Write[] = [];
}

class Directory {
  readonly kind = 'directory';
  readonly entries = new Map<string, Node>();
}

type Node = FileNode | Directory;

/** `before` and `after` of one name; undefined: there was nothing, or is nothing. */
interface NameChange {
  readonly directory: Directory;
  readonly name: string;
  readonly before: Node | undefined;
  readonly after: Node | undefined;
}

export class Disk {
  /** Writing fails with ENOSPC. */
  isFull = false;
  /** Nothing can be changed: EROFS. */
  isReadOnly = false;
  /** Share of syncs that fail with EIO: what they were to bring to disk never gets there. */
  failingSyncs = 0;
  /** Share of reads that fail with EIO. */
  failingReads = 0;
  /** It has refused something, full or failing: what could not be kept is nobody's fault. */
  hasRefused = false;
  /** A file could not be read. */
  onUnreadable: (path: string) => void = () => {};
  readonly #random: SeededRandom;
  readonly #root = new Directory();
  /** Changes of names whose directory has not been synced since; each happens whole or not at all. */
  #journal: (readonly NameChange[])[] = [];
  readonly #dirty = new Set<FileNode>();

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** One directory, whose parent is there. */
  makeDirectory(path: string): void {
    if (this.exists(path)) throw new SystemError('EEXIST', 'mkdir', path);
    const directory = this.#parent(path, 'mkdir');
    this.#requireRoom('mkdir', path);
    this.#change([{ directory, name: nameOf(path), after: new Directory() }]);
  }

  list(path: string): string[] {
    const node = this.#require(path, 'scandir');
    if (node.kind !== 'directory') throw new SystemError('ENOTDIR', 'scandir', path);
    return [...node.entries.keys()].sort();
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  read(path: string): Buffer {
    if (this.#random.chance(this.failingReads)) {
      this.onUnreadable(path);
      throw this.#refuse('EIO', 'read', path);
    }
    return this.peek(path);
  }

  /** What a file holds, for whoever looks from outside of the simulation. */
  peek(path: string): Buffer {
    const node = this.#require(path, 'open');
    if (node.kind === 'directory') throw new SystemError('EISDIR', 'read', path);
    return node.content;
  }

  stat(path: string): { readonly isDirectory: boolean; readonly sizeBytes: number } {
    const node = this.#require(path, 'stat');
    return { isDirectory: node.kind === 'directory', sizeBytes: node.kind === 'file' ? node.content.length : 0 };
  }

  /** `create` refuses a file that is there; `replace` empties it. */
  open(path: string, how: 'create' | 'replace'): FileNode {
    const known = this.#find(path);
    if (known?.kind === 'directory') throw new SystemError('EISDIR', 'open', path);
    if (known !== undefined) {
      if (how === 'create') throw new SystemError('EEXIST', 'open', path);
      this.truncate(known, 0, path);
      return known;
    }
    this.#requireRoom('open', path);
    const file = new FileNode();
    this.#change([{ directory: this.#parent(path, 'open'), name: nameOf(path), after: file }]);
    return file;
  }

  /** Takes the place of what is at `to`, at once. */
  rename(from: string, to: string): void {
    const node = this.#require(from, 'rename');
    if (this.isReadOnly) throw this.#refuse('EROFS', 'rename', from);
    this.#change([
      { directory: this.#parent(from, 'rename'), name: nameOf(from), after: undefined },
      { directory: this.#parent(to, 'rename'), name: nameOf(to), after: node },
    ]);
  }

  /** A file, or a directory with everything below it; nothing at `path` is fine. */
  remove(path: string): void {
    if (!this.exists(path)) return;
    if (this.isReadOnly) throw this.#refuse('EROFS', 'unlink', path);
    this.#change([{ directory: this.#parent(path, 'unlink'), name: nameOf(path), after: undefined }]);
  }

  append(node: FileNode, bytes: Buffer, path: string): void {
    if (this.isReadOnly) throw this.#refuse('EROFS', 'write', path);
    // What still fits is written before a full disk says so: a torn end.
    const fitting = this.isFull ? bytes.subarray(0, this.#random.between(0, bytes.length - 1)) : bytes;
    node.unsynced.push({ at: node.content.length, bytes: fitting });
    node.content = Buffer.concat([node.content, fitting]);
    this.#dirty.add(node);
    if (this.isFull) throw this.#refuse('ENOSPC', 'write', path);
  }

  truncate(node: FileNode, length: number, path: string): void {
    if (this.isReadOnly) throw this.#refuse('EROFS', 'ftruncate', path);
    if (node.content.length === length) return;
    node.unsynced.push({ length });
    node.content = resize(node.content, length);
    this.#dirty.add(node);
  }

  /** Brings the names in a directory to disk. Throws EIO as {@link failingSyncs} has it. */
  syncDirectory(path: string): void {
    const node = this.#require(path, 'open');
    if (this.#random.chance(this.failingSyncs)) throw this.#refuse('EIO', 'fsync', path);
    this.#journal = this.#journal.filter((step) => !step.some(({ directory }) => directory === node));
  }

  /** Brings the bytes of a file to disk. Throws EIO as {@link failingSyncs} has it. */
  sync(node: FileNode, path: string): void {
    const fails = this.#random.chance(this.failingSyncs);
    // After a failed sync Linux counts the pages as clean: one more sync succeeds, and still does not write them.
    if (!fails) node.durable = node.unsynced.length === 0 ? node.durable : node.content;
    node.unsynced = [];
    this.#dirty.delete(node);
    if (fails) throw this.#refuse('EIO', 'fsync', path);
  }

  /** Everything that ran is dead already. */
  cutPower(): void {
    const kept = this.#random.chance(0.5) ? this.#random.between(0, this.#journal.length) : 0;
    for (const change of this.#journal.slice(kept).flat().reverse()) place(change, change.before);
    this.#journal = [];
    for (const file of this.#dirty) file.durable = this.#surviving(file);
    this.#dirty.clear();
    this.#forgetCache(this.#root);
  }

  /** Everything on it is gone: another disk is put in its place. */
  wipe(): void {
    this.#root.entries.clear();
    this.#journal = [];
    this.#dirty.clear();
  }

  #forgetCache(directory: Directory): void {
    for (const node of directory.entries.values()) {
      if (node.kind === 'directory') this.#forgetCache(node);
      else {
        node.content = node.durable;
        node.unsynced = [];
      }
    }
  }

  #surviving(file: FileNode): Buffer {
    const share = this.#random.pick([0, 0.5, 0.5, 1]);
    let bytes = file.durable;
    for (const write of file.unsynced) {
      if (!this.#random.chance(share)) continue;
      if ('length' in write) bytes = resize(bytes, write.length);
      else {
        const isTorn = share < 1 && this.#random.chance(0.3);
        const written = isTorn ? write.bytes.subarray(0, this.#random.between(0, write.bytes.length)) : write.bytes;
        const end = Math.max(bytes.length, write.at + written.length);
        // A gap that was never written reads as zeros.
        bytes = resize(bytes, end);
        written.copy(bytes, write.at);
      }
    }
    return bytes;
  }

  #refuse(code: string, call: string, path: string): SystemError {
    this.hasRefused = true;
    return new SystemError(code, call, path);
  }

  #requireRoom(call: string, path: string): void {
    if (this.isReadOnly) throw this.#refuse('EROFS', call, path);
    if (this.isFull) throw this.#refuse('ENOSPC', call, path);
  }

  #change(changes: readonly Omit<NameChange, 'before'>[]): void {
    const step = changes.map((change) => ({ ...change, before: change.directory.entries.get(change.name) }));
    for (const change of step) place(change, change.after);
    this.#journal.push(step);
  }

  #find(path: string): Node | undefined {
    let at: Node = this.#root;
    for (const name of partsOf(path)) {
      const next: Node | undefined = at.kind === 'directory' ? at.entries.get(name) : undefined;
      if (next === undefined) return undefined;
      at = next;
    }
    return at;
  }

  #require(path: string, call: string): Node {
    const node = this.#find(path);
    if (node === undefined) throw new SystemError('ENOENT', call, path);
    return node;
  }

  #parent(path: string, call: string): Directory {
    const node = this.#require(path.slice(0, path.lastIndexOf('/')), call);
    if (node.kind !== 'directory') throw new SystemError('ENOTDIR', call, path);
    return node;
  }
}

function place({ directory, name }: NameChange, node: Node | undefined): void {
  if (node === undefined) directory.entries.delete(name);
  else directory.entries.set(name, node);
}

/** A copy of that length, with zeros where there was nothing. */
function resize(bytes: Buffer, length: number): Buffer {
  const resized = Buffer.alloc(length);
  bytes.copy(resized, 0, 0, length);
  return resized;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
