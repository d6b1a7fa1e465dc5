/**
 * The folder of a stack that its relative paths lead to. What containers write there is theirs: nothing of it is ever
 * removed here. Files of a release are put between it as a checkout would put them, and only what they replace is moved away.
 *
 * A container may write into these folders while an agent that is root works in them, so each one is held open on the
 * way down, and no link is ever followed.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join, relative } from 'node:path';
import * as z from 'zod';
import { NexusError } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import { type FileSystem, type HeldDirectory, isSystemError, type PathKind } from '../../disk/file-system.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { writeDurably } from '../../disk/write-durably.ts';
import type { ProjectFile } from './release-folder.ts';
import { projectFolder, type StackSource } from './stack-sources.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
/** Below a folder that only the agent's user may enter: a container seldom runs as that user, and has to get in. */
const MOUNTED_FOLDER_MODE = 0o755;

/** What was put there last, by relative path. */
const placedFilesSchema = z.record(z.string(), z.object({ sha256: z.string(), mode: z.number() }));
type PlacedFiles = z.output<typeof placedFilesSchema>;

export interface StackFilesOptions {
  readonly stack: string;
  /** The stack's own folder. */
  readonly folder: string;
  readonly files: FileSystem;
  readonly log: Log;
}

export class StackFiles {
  readonly #options: StackFilesOptions;

  constructor(options: StackFilesOptions) {
    this.#options = options;
  }

  /** Whether there is anything at the place of a source. */
  async has({ path }: Pick<StackSource, 'path'>): Promise<boolean> {
    return (await this.#kindOf(path)) !== null;
  }

  /**
   * Takes over what containers of an earlier agent's release have written: their relative paths led to a folder of that
   * release. A link stays behind for containers and volumes that were made with the old path. Where more than one of
   * `oldProjects` has such data, nobody can tell which is wanted, and all of it stays where it is.
   */
  async adopt(release: string, sources: readonly StackSource[], oldProjects: readonly string[]): Promise<void> {
    const { log, stack } = this.#options;
    for (const source of sources) {
      if (source.use === 'file' || source.isReadOnly || (await this.has(source))) continue;
      const found: string[] = [];
      for (const project of oldProjects) {
        const old = join(project, source.relative);
        const kind = await this.#kindOf(old);
        if (kind === 'directory' || kind === 'file') found.push(old);
      }
      const [old] = found;
      if (old === undefined) continue;
      if (found.length > 1) {
        log.warn(
          { stack, found, unused: source.path },
          'more than one release has data of this stack: move the right one',
        );
        continue;
      }
      await this.#moveIn(source, old, release);
    }
  }

  async #moveIn({ path }: StackSource, old: string, release: string): Promise<void> {
    const { files, log, stack } = this.#options;
    await this.#within(dirname(path), release, async (place) => {
      // The mounts of running containers move along with the directory.
      await this.#rename(old, join(place.path, basename(path)));
      await files.link(path, old);
      await files.syncDirectory(place.path);
      await files.syncDirectory(dirname(old));
    });
    log.info({ stack, from: old, to: path }, 'data that an earlier agent kept with a release belongs to the stack now');
  }

  /** Makes the folders of volumes that are folders of the stack: Docker makes none for them. */
  async makeDevices(release: string, sources: readonly StackSource[]): Promise<void> {
    for (const { path, use } of sources) {
      if (use === 'device') await this.#within(path, release, async () => {});
    }
  }

  /**
   * Puts the files of a release where its containers look for them. A file that the release does not change is left as
   * it is, whatever a container has made of it; one that a container has changed and the release replaces is moved away,
   * and what the release before had put there goes unless a container has changed it.
   */
  async layOut(release: string, shipped: ReadonlyMap<string, ProjectFile>): Promise<void> {
    const { folder, files } = this.#options;
    const before = await this.#readLaidOut();
    if (shipped.size === 0 && Object.keys(before).length === 0) return;
    const after: PlacedFiles = {};
    for (const [name, file] of shipped) {
      const wanted = { sha256: digestOf(file.content), mode: file.mode };
      after[name] = wanted;
      const path = join(projectFolder(folder), name);
      await this.#within(dirname(path), release, async (place) => {
        await this.#put(place, path, file, wanted, before[name], release);
      });
    }
    for (const [name, { sha256 }] of Object.entries(before)) {
      if (!shipped.has(name)) await this.#takeBack(join(projectFolder(folder), name), sha256);
    }
    await writeDurably(files, this.#laidOutFile, JSON.stringify(after), PRIVATE_FILE_MODE);
  }

  async #put(
    { path: place }: HeldDirectory,
    path: string,
    { content, mode }: ProjectFile,
    wanted: PlacedFiles[string],
    before: PlacedFiles[string] | undefined,
    release: string,
  ): Promise<void> {
    const { files } = this.#options;
    const target = join(place, basename(path));
    const present = await this.#digestAt(target);
    const isUnchanged = before?.sha256 === wanted.sha256 && before.mode === wanted.mode;
    if (present !== null && isUnchanged) return;
    if (present !== null && present !== before?.sha256 && present !== wanted.sha256) {
      await this.#moveAway(target, path, release);
    }
    await this.#withIncoming(async (incoming) => {
      await writeDurably(files, incoming, content, mode);
      await this.#rename(incoming, target);
    });
    await files.syncDirectory(place);
  }

  /** Removes a file of an earlier release unless a container has changed it. */
  async #takeBack(path: string, sha256: string): Promise<void> {
    const { files } = this.#options;
    const parent = await this.#descend(dirname(path));
    if (parent === null) return;
    try {
      const target = join(parent.path, basename(path));
      if ((await this.#digestAt(target)) !== sha256) return;
      await this.#withIncoming(async (incoming) => {
        await files.rename(target, incoming);
        await files.remove(incoming);
      });
      await files.syncDirectory(parent.path);
    } finally {
      await parent.close();
    }
  }

  /** Works in a directory below the stack's own folder, which is made where needed. */
  async #within(path: string, release: string, work: (place: HeldDirectory) => Promise<void>): Promise<void> {
    const { files, folder } = this.#options;
    let place = await files.hold(folder);
    try {
      let way = folder;
      for (const name of partsBelow(folder, path)) {
        way = join(way, name);
        const next = await this.#enter(place, name, way, release);
        await place.close();
        place = next;
      }
      await work(place);
    } finally {
      await place.close();
    }
  }

  /** Holds a directory in another one; what else is in its place is moved away. */
  async #enter(parent: HeldDirectory, name: string, path: string, release: string): Promise<HeldDirectory> {
    const { files } = this.#options;
    const place = join(parent.path, name);
    const kind = await this.#kindOf(place);
    if (kind !== 'directory') {
      if (kind !== null) await this.#moveAway(place, path, release);
      await files.mkdir(place, MOUNTED_FOLDER_MODE);
      await files.chmod(place, MOUNTED_FOLDER_MODE);
      await files.syncDirectory(parent.path);
    }
    return files.hold(place);
  }

  /** A directory below the stack's own folder, held; null when it is not there, or something else is in the way. */
  async #descend(path: string): Promise<HeldDirectory | null> {
    const { files, folder } = this.#options;
    let place = await files.hold(folder);
    try {
      for (const name of partsBelow(folder, path)) {
        const next = await files.hold(join(place.path, name));
        await place.close();
        place = next;
      }
      return place;
    } catch (error) {
      await place.close();
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
      throw error;
    }
  }

  /** Keeps what a container has made at a place that a release now uses. */
  async #moveAway(from: string, path: string, release: string): Promise<void> {
    const { files, folder, log, stack } = this.#options;
    const place = join(folder, 'replaced', release.replace(/^sha256:/, '').slice(0, 12), relative(folder, path));
    let to = place;
    for (let copy = 2; (await this.#kindOf(to)) !== null; copy++) to = `${place}.${copy}`;
    await makeDirectory(files, dirname(to), PRIVATE_FOLDER_MODE);
    await this.#rename(from, to);
    await files.syncDirectory(dirname(to));
    log.warn(
      { stack, release, file: path, kept_as: to },
      'the release replaces what a container has written: it is kept elsewhere',
    );
  }

  async #withIncoming(work: (path: string) => Promise<void>): Promise<void> {
    const path = join(this.#options.folder, 'incoming');
    await this.#options.files.remove(path);
    await work(path);
  }

  /** The digest of the file at a path; `not a file` when something else is there, null when nothing is. */
  async #digestAt(path: string): Promise<string | null> {
    const kind = await this.#kindOf(path);
    if (kind === null) return null;
    return kind === 'file' ? digestOf(await this.#options.files.readFile(path)) : 'not a file';
  }

  async #kindOf(path: string): Promise<PathKind | null> {
    try {
      return await this.#options.files.kindOf(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  }

  async #rename(from: string, to: string): Promise<void> {
    try {
      await this.#options.files.rename(from, to);
    } catch (error) {
      if (!isSystemError(error, 'EXDEV')) throw error;
      throw new NexusError(
        'invalid',
        `'${to}' is on another file system than the folder of the stack ${this.#options.stack}, so the release's files cannot be put there in one step`,
        { cause: error },
      );
    }
  }

  async #readLaidOut(): Promise<PlacedFiles> {
    try {
      return placedFilesSchema.parse(JSON.parse((await this.#options.files.readFile(this.#laidOutFile)).toString()));
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return {};
      // Without it, what is there counts as written by containers, and is kept.
      if (error instanceof SyntaxError || error instanceof z.ZodError) return {};
      throw error;
    }
  }

  get #laidOutFile(): string {
    return join(this.#options.folder, 'laid-out.json');
  }
}

function partsBelow(folder: string, path: string): string[] {
  return relative(folder, path)
    .split('/')
    .filter((part) => part !== '');
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
