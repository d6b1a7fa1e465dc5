import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, NexusError } from '../../domain/errors.ts';

/** How a shell says 'standard input'. */
const STDIN = '-';

export interface ReleaseSources {
  readonly compose: string;
  /** Texts by their path inside the release. */
  readonly files: Readonly<Record<string, string>>;
}

function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function reasonOf(error: unknown): string {
  switch (systemCodeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EISDIR':
      return 'it is a folder: name its files one by one';
    case 'EACCES':
      return 'you may not read it';
    default:
      return messageOf(error);
  }
}

/** The text of a file that `flag` names, `-` being standard input. Throws `usage` for one that cannot be a text. */
export async function readTextFile(flag: string, path: string): Promise<string> {
  if (path === STDIN) return text(process.stdin);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new NexusError('usage', `${flag} is ${path}, which cannot be read: ${reasonOf(error)}.`, { cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new NexusError('usage', `${flag} is ${path}, which is no UTF-8 text: a release holds texts only.`, {
      cause: error,
    });
  }
}

/** A path of `--file` as the release keeps it: relative to the folder of the compose file, below it, with `/`. */
export function releasePathOf(path: string): string {
  if (isAbsolute(path)) {
    throw new NexusError(
      'usage',
      `--file is ${path}, an absolute path: name the files of a release relative to the folder of its compose file, like conf/nginx.conf.`,
    );
  }
  const inside = normalize(path);
  if (inside === '..' || inside.startsWith('../')) {
    throw new NexusError(
      'usage',
      `--file is ${path}, which leads out of the folder of the compose file: a release holds only what lies beside or below that. Move the file there.`,
    );
  }
  return inside;
}

/** What the caller may have meant: shells complete paths from the current folder, not from the compose file's. */
async function meantPath(folder: string, path: string): Promise<string | undefined> {
  const inside = relative(folder, resolve(path));
  if (inside === '' || inside.startsWith('..') || inside === path) return undefined;
  try {
    return (await stat(join(folder, inside))).isFile() ? inside : undefined;
  } catch {
    return undefined;
  }
}

async function readReleaseFile(folder: string, path: string): Promise<[path: string, text: string]> {
  const inside = releasePathOf(path);
  try {
    return [inside, await readTextFile('--file', join(folder, inside))];
  } catch (error) {
    const meant = await meantPath(folder, path);
    if (meant === undefined || !(error instanceof NexusError)) throw error;
    throw new NexusError(
      'usage',
      `${error.message} Paths of --file begin at the folder of the compose file: write --file ${meant}.`,
      { cause: error },
    );
  }
}

/** Reads the compose file (`-`: standard input, its folder then being the current one) and the files beside it. */
export async function readSources(composePath: string, filePaths: readonly string[]): Promise<ReleaseSources> {
  const folder = resolve(composePath === STDIN ? '.' : dirname(composePath));
  const compose = await readTextFile('--compose', composePath);
  const files = await Promise.all(filePaths.map((path) => readReleaseFile(folder, path)));
  return { compose, files: Object.fromEntries(files) };
}
