/** The releases of one stack on disk. */
import { basename, dirname, join } from 'node:path';
import { messageOf, NexusError } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import type { Manifest } from '../../../src/wire/release.ts';
import { type FileSystem, isSystemError } from '../../disk/file-system.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { writeDurably } from '../../disk/write-durably.ts';
import { fetchRelease } from '../../server/fetch-release.ts';
import type { ServerTransport } from '../../server/transport.ts';
import type { StepLimit } from '../activator.ts';
import type { Plan } from '../record/stack-record.ts';
import { configCommand, type ProjectFiles } from './command.ts';
import { type RunDocker, requireCompose } from './docker-cli.ts';
import { type ImagePins, imagePinsSchema } from './image-pins.ts';
import { type ComposeModel, listServices, parseComposeModel } from './model.ts';
import { layOutProject, locateRelease, type ProjectFile, type ReleaseFolder, shippedFiles } from './release-folder.ts';
import { labelFiles, placeSources, projectFolder, type StackSource } from './stack-sources.ts';
import { digestOf, planOf, verifyManifest } from './verify-manifest.ts';

const FOLDER_MODE = 0o700;
const SECRET_FILE_MODE = 0o600;
const CONFIG_LIMIT_MS = 60_000;
/** The resolved project of an earlier agent, with paths of that release's own. */
const OLD_RESOLVED_NAME = 'resolved.json';

/** A release that is on disk, ready to be brought up. */
/** What a release that takes its stack away is resolved to: Compose itself refuses a project without a service. */
const NOTHING: ComposeModel = { services: {} };

export interface PreparedRelease {
  /** It takes its stack away. */
  readonly removesStack: boolean;
  readonly plan: Plan;
  /** Its relative paths lead to the folder of the stack. */
  readonly model: ComposeModel;
  /** What is brought up, once {@link ReleaseCache.writeDeployed} has written it. */
  readonly files: ProjectFiles;
  /** Where its containers see the folder of the stack. */
  readonly sources: readonly StackSource[];
  /** The files of the release, by relative path. */
  readonly shipped: ReadonlyMap<string, ProjectFile>;
}

export interface ReleaseCacheOptions {
  readonly stack: string;
  readonly files: FileSystem;
  /** The stack's own folder. */
  readonly folder: string;
  readonly server: Pick<ServerTransport, 'call'>;
  readonly runDocker: RunDocker;
  readonly log: Log;
}

export class ReleaseCache {
  readonly #options: ReleaseCacheOptions;

  constructor(options: ReleaseCacheOptions) {
    this.#options = options;
  }

  /**
   * Makes sure that a release is on disk, and fetches and resolves it where it is not. Throws `invalid` when it can never be used,
   * `unreachable` or `overloaded` when trying again may help, `unauthorized` when the token is refused.
   */
  async prepare(digest: string, limit: StepLimit): Promise<PreparedRelease> {
    const { folder, stack } = this.#options;
    const place = locateRelease(folder, digest);
    const manifest = await this.#manifest(place, digest, limit);
    const resolved =
      manifest.removes_stack === true
        ? NOTHING
        : ((await this.#readResolved(place)) ?? (await this.#resolve(place, manifest, limit)));
    const placed = placeSources(resolved, place.source, folder);
    const shipped = shippedFiles(manifest);
    return {
      plan: planOf(manifest, listServices(resolved)),
      model: labelFiles(placed, shipped),
      files: { stack, directory: projectFolder(folder), composeFiles: [place.deployed] },
      sources: placed.sources,
      removesStack: manifest.removes_stack === true,
      shipped,
    };
  }

  /** What a release on disk was resolved to; null when it is not there. Its relative paths lead anywhere. */
  async readModel(digest: string): Promise<ComposeModel | null> {
    const place = locateRelease(this.#options.folder, digest);
    const old = { ...place, resolved: join(place.folder, OLD_RESOLVED_NAME) };
    return (await this.#readResolved(place)) ?? (await this.#readResolved(old));
  }

  /** Writes the project as Compose is to bring it up. */
  async writeDeployed(digest: string, model: ComposeModel): Promise<void> {
    const { files, folder } = this.#options;
    await writeDurably(files, locateRelease(folder, digest).deployed, JSON.stringify(model, null, 2), SECRET_FILE_MODE);
  }

  /** Which image each name referred to when the release was last brought up; empty when that is not known. */
  async readPins(digest: string): Promise<ImagePins> {
    const { files, folder } = this.#options;
    const text = await readOrNull(files, locateRelease(folder, digest).images);
    return text === null ? [] : (imagePinsSchema.safeParse(parseJsonOrNull(text)).data ?? []);
  }

  async writePins(digest: string, pins: ImagePins): Promise<void> {
    const { files, folder } = this.#options;
    await writeDurably(files, locateRelease(folder, digest).images, JSON.stringify(pins), SECRET_FILE_MODE);
  }

  /** The releases that are on disk, in no particular order. */
  async list(): Promise<string[]> {
    const names = await this.#options.files.readdir(join(this.#options.folder, 'releases')).catch(() => []);
    return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((name) => `sha256:${name}`);
  }

  /** Removes every release but these. What a container may have written into one of them stays. */
  async prune(kept: readonly string[]): Promise<void> {
    for (const digest of await this.list()) if (!kept.includes(digest)) await this.#remove(digest);
  }

  async #remove(digest: string): Promise<void> {
    const { files, folder } = this.#options;
    const place = locateRelease(folder, digest);
    const own = ownNames(place);
    const names = await files.readdir(place.folder);
    const hasData = names.some((name) => !own.has(name)) || (await this.#holdsData(place));
    if (!hasData) return files.remove(place.folder);
    await files.remove(place.source);
    await files.remove(place.resolved);
  }

  /** Whether the folder of an earlier agent's release holds anything that the release did not put there. */
  async #holdsData(place: ReleaseFolder): Promise<boolean> {
    const { files } = this.#options;
    if ((await kindOrNull(files, place.oldProject)) === null) return false;
    const stored = await files.readFile(place.manifest).catch(() => null);
    if (stored === null) return true;
    const contents = layOutProject(
      verifyManifest(stored, digestOf(stored), this.#options.stack),
      place.oldProject,
    ).files;
    const isOurs = async (path: string): Promise<boolean> => {
      const kind = await files.kindOf(path);
      if (kind === 'directory') {
        const names = await files.readdir(path);
        return (await Promise.all(names.map((name) => isOurs(join(path, name))))).every(Boolean);
      }
      const shipped = contents.get(path);
      return (
        kind === 'file' && shipped !== undefined && (await files.readFile(path)).equals(Buffer.from(shipped.content))
      );
    };
    return !(await isOurs(place.oldProject));
  }

  /** The manifest on disk when it matches the digest, otherwise the server's. */
  async #manifest(place: ReleaseFolder, digest: string, limit: StepLimit): Promise<Manifest> {
    const { stack, log, files } = this.#options;
    const stored = await files.readFile(place.manifest).catch(() => null);
    if (stored !== null) {
      try {
        return verifyManifest(stored, digest, stack);
      } catch (error) {
        log.warn(
          { stack, release: digest, reason: messageOf(error) },
          'a stored manifest is damaged: it is fetched again',
        );
      }
    }
    const bytes = await this.#fetch(digest, limit);
    const manifest = verifyManifest(bytes, digest, stack);
    await makeDirectory(files, place.folder, FOLDER_MODE);
    await writeDurably(files, place.manifest, bytes, SECRET_FILE_MODE);
    return manifest;
  }

  async #fetch(digest: string, limit: StepLimit): Promise<Buffer> {
    const reply = await fetchRelease(this.#options.server, digest, limit);
    if (reply.kind === 'silence') {
      throw new NexusError('unreachable', `the server cannot be asked for the release ${digest}: ${reply.reason}`);
    }
    if (reply.status === 200) return reply.body;
    const message = `the server answers ${reply.status} to GET /v1/releases/${digest}`;
    if (reply.status === 401) throw new NexusError('unauthorized', message);
    if (reply.status === 404)
      throw new NexusError('invalid', `${message}: it does not have that release for this host`);
    throw new NexusError('overloaded', message);
  }

  async #readResolved(place: ReleaseFolder): Promise<ComposeModel | null> {
    const text = await readOrNull(this.#options.files, place.resolved);
    if (text === null) return null;
    try {
      return parseComposeModel(text);
    } catch (error) {
      const { stack, log } = this.#options;
      log.warn(
        { stack, path: place.resolved, reason: messageOf(error) },
        'a stored project is damaged: it is resolved again',
      );
      return null;
    }
  }

  /** Runs `docker compose config` once; what it printed is what runs from now on. */
  async #resolve(place: ReleaseFolder, manifest: Manifest, limit: StepLimit): Promise<ComposeModel> {
    const { stack, runDocker, files } = this.#options;
    await requireCompose(runDocker, place.folder, limit.signal);
    const { composeFiles, files: contents } = layOutProject(manifest, place.source);
    // An interrupted attempt may have left anything.
    await files.remove(place.source);
    for (const [path, { content, mode }] of contents) {
      await makeDirectory(files, dirname(path), FOLDER_MODE);
      await writeDurably(files, path, content, mode);
    }
    const args = configCommand({ stack, directory: place.source, composeFiles });
    const { exitCode, stdout, errorTail } = await runDocker(args, place.source, {
      ...limit,
      limitMs: Math.min(limit.limitMs, CONFIG_LIMIT_MS),
    });
    if (exitCode !== 0) {
      throw new NexusError('invalid', `Docker Compose does not accept the release:\n${errorTail}`, {
        // A negative code: it was ended, and has not spoken against the release.
        details: exitCode < 0 ? { exit_code: exitCode, trouble: 'compose' } : { exit_code: exitCode },
      });
    }
    const model = parseComposeModel(stdout);
    await writeDurably(files, place.resolved, stdout, SECRET_FILE_MODE);
    return model;
  }
}

/** What this agent and earlier ones put into the folder of a release. */
function ownNames(place: ReleaseFolder): ReadonlySet<string> {
  const paths = [place.manifest, place.source, place.resolved, place.deployed, place.images, place.oldProject];
  const names = [...paths.map((path) => basename(path)), OLD_RESOLVED_NAME];
  // Left behind by a crash in the middle of a durable write.
  return new Set([...names, ...names.map((name) => `${name}.new`)]);
}

async function kindOrNull(files: FileSystem, path: string): Promise<string | null> {
  try {
    return await files.kindOf(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

async function readOrNull(files: FileSystem, path: string): Promise<string | null> {
  try {
    return (await files.readFile(path)).toString();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}

function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
