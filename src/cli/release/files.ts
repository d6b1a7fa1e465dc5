/** Reads files that become part of a release from the operator's disk. */
import type { Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, NexusError } from '../../domain/errors.ts';
import { RELEASE_LIMITS } from '../../domain/release.ts';
import { quote } from '../../domain/words.ts';
import type { ReleaseFileBody } from '../../wire/release.ts';

/** How command lines name standard input. */
export const STDIN = '-';
/** Modes that a umask of 002 makes of 0644 and 0755: the same files have the same digest on every machine. */
const GROUP_WRITABLE: ReadonlyMap<number, number> = new Map([
  [0o664, 0o644],
  [0o775, 0o755],
]);

function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function isMissing(error: unknown): boolean {
  return systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ENOTDIR';
}

export function reasonOf(error: unknown): string {
  if (isMissing(error)) return 'there is no such file';
  if (systemCodeOf(error) === 'EISDIR') return 'it is a directory';
  return systemCodeOf(error) === 'EACCES' ? 'you may not read it' : messageOf(error);
}

/** Null where the bytes are not UTF-8. */
export function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The text of the file that `flag` names, `-` being standard input. Throws `usage` where it cannot be read as UTF-8. */
export async function readTextFile(flag: string, path: string): Promise<string> {
  if (path === STDIN) return text(process.stdin);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new NexusError('usage', `${flag} is '${path}', which cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  const decoded = decode(bytes);
  if (decoded === null) throw new NexusError('usage', `${flag} is '${path}', which is not UTF-8 text.`);
  return decoded;
}

/** The path of a `--file` inside the release: relative to the directory of the Compose file, and below it. Throws `usage`. */
export function releasePathOf(path: string): string {
  if (isAbsolute(path)) {
    throw new NexusError(
      'usage',
      `--file is '${path}', an absolute path: write it relative to the directory of the Compose file, for example conf/nginx.conf.`,
    );
  }
  const inside = normalize(path).replace(/(.)\/$/, '$1');
  if (inside === '..' || inside.startsWith('../')) {
    throw new NexusError(
      'usage',
      `--file is '${path}', which leads out of the directory of the Compose file: move the file into that directory, because a release contains only what is in it.`,
    );
  }
  return inside;
}

/** The path that was probably meant: shells complete from the current directory, not from the Compose file's. */
async function likelyPath(directory: string, path: string): Promise<string | undefined> {
  const inside = relative(directory, resolve(path));
  if (inside === '' || inside.startsWith('..') || inside === path) return undefined;
  return (await statOrNull(join(directory, inside)))?.isFile() === true ? inside : undefined;
}

export async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

export function isInside(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

/** The shortest form that keeps what is in a file, and its mode. */
function describeFile(bytes: Uint8Array, fileMode: number): ReleaseFileBody {
  const mode = GROUP_WRITABLE.get(fileMode) ?? fileMode;
  const decoded = decode(bytes);
  const isPlain = mode === 0o644;
  if (decoded !== null && isPlain) return decoded;
  const told = isPlain ? {} : { mode: `0${mode.toString(8).padStart(3, '0')}` };
  return decoded === null ? { base64: Buffer.from(bytes).toString('base64'), ...told } : { text: decoded, ...told };
}

/** The files of one release, as they are found. */
export class FileCollection {
  readonly files = new Map<string, ReleaseFileBody>();
  readonly #root: string;
  #bytes = 0;

  /** `root` is absolute. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A file by its path below the root. Throws the system's error. */
  async addFile(path: string): Promise<void> {
    if (this.files.has(path)) return;
    const absolute = join(this.#root, path);
    const { mode, size } = await stat(absolute);
    this.#require(this.#bytes + size <= RELEASE_LIMITS.maxManifestBytes, path);
    const bytes = await readFile(absolute);
    const file = describeFile(bytes, mode & 0o777);
    // As it is counted in the manifest, where bytes that are not text take a third more.
    this.#bytes += Buffer.byteLength(JSON.stringify({ [path]: file }));
    this.#require(this.#bytes <= RELEASE_LIMITS.maxManifestBytes, path);
    this.files.set(path, file);
    this.#require(this.files.size <= RELEASE_LIMITS.maxFiles, path);
  }

  /** A folder with all that is in it, but for `without`. Throws the system's error, and `invalid` for what no release can contain. */
  async addFolder(path: string, without: ReadonlySet<string> = new Set()): Promise<void> {
    const names = (await readdir(join(this.#root, path))).sort();
    for (const name of names) {
      const inside = path === '' ? name : `${path}/${name}`;
      if (without.has(inside)) continue;
      const real = await realpath(join(this.#root, inside)).catch(() => null);
      const found = real === null ? null : await stat(real);
      const isBelow = real !== null && isInside(await realpath(this.#root), real);
      if (isBelow && found?.isFile() === true) await this.addFile(inside);
      // A link to a folder above would be followed for ever.
      else if (isBelow && found?.isDirectory() === true && !isInside(real, await realpath(join(this.#root, path))))
        await this.addFolder(inside, without);
      else {
        const what = isBelow
          ? 'is neither a file nor a folder'
          : 'is a link that leads nowhere, or out of the folder of the Compose file';
        throw new NexusError('invalid', `${quote(inside)} ${what}: a release cannot contain it.`);
      }
    }
  }

  #require(condition: boolean, path: string): void {
    if (condition) return;
    const { maxFiles, maxManifestBytes } = RELEASE_LIMITS;
    const largest = [...this.files]
      .map(([name, file]) => ({ name, size: JSON.stringify(file).length }))
      .sort((a, b) => b.size - a.size)
      .slice(0, 3)
      .map(({ name }) => quote(name));
    const seen =
      largest.length === 0
        ? ''
        : `; the largest before it ${largest.length === 1 ? 'is' : 'are'} ${largest.join(', ')}`;
    throw new NexusError(
      'invalid',
      `with ${quote(path)} the release has more than ${maxManifestBytes / 1_048_576} MiB or ${maxFiles} files${seen}. Put what is large into an image, or leave it on the hosts under an absolute path.`,
    );
  }
}

/** A file or folder that `--file` names. */
export async function addNamed(collection: FileCollection, directory: string, path: string): Promise<void> {
  const inside = releasePathOf(path);
  try {
    const isFolder = (await stat(join(directory, inside))).isDirectory();
    await (isFolder ? collection.addFolder(inside === '.' ? '' : inside) : collection.addFile(inside));
  } catch (error) {
    if (error instanceof NexusError) throw error;
    const likely = await likelyPath(directory, path);
    const advice =
      likely === undefined
        ? ''
        : ` Paths of --file start at the directory of the Compose file: write --file ${likely}.`;
    const message = `--file is '${path}', which cannot be read: ${reasonOf(error)}.${advice}`;
    throw new NexusError('usage', message, { cause: error });
  }
}
