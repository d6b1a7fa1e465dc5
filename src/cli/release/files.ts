import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { messageOf, NexusError } from '../../domain/errors.ts';

/** How command lines name standard input. */
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
      return 'it is a directory: name its files one by one';
    case 'EACCES':
      return 'you may not read it';
    default:
      return messageOf(error);
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
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new NexusError(
      'usage',
      `${flag} is '${path}', which is not UTF-8 text: a release contains only text files.`,
      {
        cause: error,
      },
    );
  }
}

/** The path of a `--file` inside the release: relative to the directory of the Compose file, and below it. Throws `usage`. */
export function releasePathOf(path: string): string {
  if (isAbsolute(path)) {
    throw new NexusError(
      'usage',
      `--file is '${path}', an absolute path: write it relative to the directory of the Compose file, for example conf/nginx.conf.`,
    );
  }
  const inside = normalize(path);
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
  try {
    return (await stat(join(directory, inside))).isFile() ? inside : undefined;
  } catch {
    return undefined;
  }
}

async function readReleaseFile(directory: string, path: string): Promise<[path: string, text: string]> {
  const inside = releasePathOf(path);
  try {
    return [inside, await readTextFile('--file', join(directory, inside))];
  } catch (error) {
    const likely = await likelyPath(directory, path);
    if (likely === undefined || !(error instanceof NexusError)) throw error;
    throw new NexusError(
      'usage',
      `${error.message} Paths of --file start at the directory of the Compose file: write --file ${likely}.`,
      { cause: error },
    );
  }
}

/** Reads the Compose file and the files beside it. With `-`, that is standard input and the current directory. */
export async function readSources(composePath: string, filePaths: readonly string[]): Promise<ReleaseSources> {
  const directory = resolve(composePath === STDIN ? '.' : dirname(composePath));
  const compose = await readTextFile('--compose', composePath);
  const files = await Promise.all(filePaths.map((path) => readReleaseFile(directory, path)));
  return { compose, files: Object.fromEntries(files) };
}
