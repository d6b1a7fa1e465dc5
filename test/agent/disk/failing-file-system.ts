import { basename } from 'node:path';
import type { FileSystem, OpenFile } from '../../../agent/disk/file-system.ts';
import { nodeFileSystem } from '../../../agent/disk/node-file-system.ts';

/** The real disk, which notes every operation as `name file`, and fails those that `failOn` is given for. */
export class FailingFileSystem implements FileSystem {
  readonly operations: string[] = [];
  /** Such as `sync stack.json.new`; a regular expression to match several. */
  failOn: RegExp | null = null;
  code = 'EIO';

  async open(path: string, how: 'create' | 'replace', mode: number): Promise<OpenFile> {
    const file = await this.#do('open', path, () => nodeFileSystem.open(path, how, mode));
    return {
      write: (content) => this.#do('write', path, () => file.write(content)),
      chmod: (fileMode) => this.#do('chmod', path, () => file.chmod(fileMode)),
      truncate: (sizeBytes) => this.#do('truncate', path, () => file.truncate(sizeBytes)),
      sync: () => this.#do('sync', path, () => file.sync()),
      datasync: () => this.#do('datasync', path, () => file.datasync()),
      // A file that fails to close is closed all the same.
      close: () => file.close().then(() => this.#do('close', path, async () => {})),
    };
  }

  readFile(path: string) {
    return this.#do('readFile', path, () => nodeFileSystem.readFile(path));
  }

  stat(path: string) {
    return this.#do('stat', path, () => nodeFileSystem.stat(path));
  }

  kindOf(path: string) {
    return this.#do('kindOf', path, () => nodeFileSystem.kindOf(path));
  }

  link(target: string, path: string) {
    return this.#do('link', path, () => nodeFileSystem.link(target, path));
  }

  hold(path: string) {
    return this.#do('hold', path, () => nodeFileSystem.hold(path));
  }

  readdir(path: string) {
    return this.#do('readdir', path, () => nodeFileSystem.readdir(path));
  }

  mkdir(path: string, mode: number) {
    return this.#do('mkdir', path, () => nodeFileSystem.mkdir(path, mode));
  }

  chmod(path: string, mode: number) {
    return this.#do('chmod', path, () => nodeFileSystem.chmod(path, mode));
  }

  rename(from: string, to: string) {
    return this.#do('rename', from, () => nodeFileSystem.rename(from, to));
  }

  remove(path: string) {
    return this.#do('remove', path, () => nodeFileSystem.remove(path));
  }

  syncDirectory(path: string) {
    return this.#do('syncDirectory', path, () => nodeFileSystem.syncDirectory(path));
  }

  async #do<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
    const entry = `${operation} ${basename(path)}`;
    this.operations.push(entry);
    if (this.failOn?.test(entry) === true)
      throw Object.assign(new Error(`${this.code}: ${entry}`), { code: this.code });
    return work();
  }
}
