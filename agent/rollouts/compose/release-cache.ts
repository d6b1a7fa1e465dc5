/** The releases of one stack on disk. */
import { dirname, join } from 'node:path';
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
import { type ComposeModel, labelServices, listServices, parseComposeModel } from './model.ts';
import { layOutProject, locateRelease, type ProjectFile, type ReleaseFolder } from './release-folder.ts';
import { planOf, verifyManifest } from './verify-manifest.ts';

const FOLDER_MODE = 0o700;
const SECRET_FILE_MODE = 0o600;
/**
 * Below a folder that only the agent's user may enter, what a Compose file mounts is readable: a container seldom runs
 * as the agent's user, and sees the mounted file's own mode, which is what the release says.
 */
const MOUNTED_FOLDER_MODE = 0o755;
const CONFIG_LIMIT_MS = 60_000;

/** A release that is on disk, ready to be brought up. */
export interface PreparedRelease {
  readonly plan: Plan;
  readonly model: ComposeModel;
  readonly files: ProjectFiles;
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
    const place = locateRelease(this.#options.folder, digest);
    const manifest = await this.#manifest(place, digest, limit);
    const known = await this.#readResolved(place);
    const model = known ?? (await this.#resolve(place, digest, manifest, limit));
    const files = { stack: this.#options.stack, directory: place.project, composeFiles: [place.resolved] };
    return { plan: planOf(manifest, listServices(model)), model, files };
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

  /** Removes every release but these. */
  async prune(kept: readonly string[]): Promise<void> {
    const { files } = this.#options;
    const folder = join(this.#options.folder, 'releases');
    const keptNames = new Set(kept.map((digest) => digest.replace(/^sha256:/, '')));
    const names = await files.readdir(folder).catch(() => []);
    for (const name of names) {
      if (!keptNames.has(name)) await files.remove(join(folder, name));
    }
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

  /** Runs `docker compose config` once; its output, labelled, is what runs from now on. */
  async #resolve(place: ReleaseFolder, digest: string, manifest: Manifest, limit: StepLimit): Promise<ComposeModel> {
    const { stack, runDocker, files } = this.#options;
    await requireCompose(runDocker, place.folder, limit.signal);
    const { composeFiles, files: contents } = layOutProject(manifest, place.project);
    // An interrupted attempt may have left anything, even a link that would lead a write elsewhere.
    await files.remove(place.project);
    for (const [path, file] of contents) await writeMounted(files, place.project, path, file);
    const args = configCommand({ stack, directory: place.project, composeFiles });
    const { exitCode, stdout, errorTail } = await runDocker(args, place.project, {
      ...limit,
      limitMs: Math.min(limit.limitMs, CONFIG_LIMIT_MS),
    });
    if (exitCode !== 0) {
      throw new NexusError('invalid', `Docker Compose does not accept the release:\n${errorTail}`, {
        details: { exit_code: exitCode },
      });
    }
    const model = labelServices(parseComposeModel(stdout), digest);
    await writeDurably(files, place.resolved, JSON.stringify(model, null, 2), SECRET_FILE_MODE);
    return model;
  }
}

/** Writes a file of the release with its own mode, and the folders down to it from `project` on, open to all who may reach them. */
async function writeMounted(files: FileSystem, project: string, path: string, file: ProjectFile): Promise<void> {
  const folders: string[] = [];
  for (let folder = dirname(path); folder.length >= project.length; folder = dirname(folder)) folders.unshift(folder);
  for (const folder of folders) {
    await makeDirectory(files, folder, MOUNTED_FOLDER_MODE);
    await files.chmod(folder, MOUNTED_FOLDER_MODE);
  }
  await writeDurably(files, path, file.content, file.mode);
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
