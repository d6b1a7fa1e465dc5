/** Reads all that makes up a release from the operator's disk. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { NexusError } from '../../domain/errors.ts';
import { plural, quote } from '../../domain/words.ts';
import type { ReleaseFileBody } from '../../wire/release.ts';
import { type ComposeEnv, chooseComposeFiles } from './compose/find-files.ts';
import { type ComposeSource, type Need, readProject } from './compose/project.ts';
import {
  addNamed,
  decode,
  FileCollection,
  isInside,
  isMissing,
  readTextFile,
  reasonOf,
  STDIN,
  statOrNull,
} from './files.ts';

export interface ReleaseSources {
  readonly compose: string;
  /** Names of files that are merged over `compose`, in this order. */
  readonly overrides: readonly string[];
  /** By their path inside the release. */
  readonly files: Readonly<Record<string, ReleaseFileBody>>;
  /** What the operator should know of it, as sentences. */
  readonly notes: readonly string[];
}

/** Adds what the project needs, and returns what is wrong and what should be known. */
async function addNeeds(
  collection: FileCollection,
  directory: string,
  needs: readonly Need[],
): Promise<{ readonly notes: string[] }> {
  const errors: Array<{ path: string; message: string }> = [];
  const notes: string[] = [];
  for (const { path, written, at, kind } of needs) {
    const found = await statOrNull(path);
    const isWritable = kind === 'writable mount';
    if (found === null && (isWritable || kind === 'optional')) continue;
    const inside = relative(directory, path).split(sep).join('/');
    // A folder of data: it belongs to the stack on each host, and is never part of a release.
    if (isWritable && (found?.isDirectory() === true || !isInside(directory, path))) {
      if (collection.files.has(inside) || [...collection.files.keys()].some((name) => name.startsWith(`${inside}/`)))
        continue;
      if (found?.isDirectory() === true && (await readdir(path)).length > 0) {
        notes.push(
          `${quote(written)} (${at}) is writable, so each host has a folder of its own there, and what is in it here stays here. To ship it, mount it with ':ro' or add --file ${inside}.`,
        );
      }
    } else if (found === null) {
      const loss = kind === 'mount' ? ': every host would mount an empty folder instead' : '';
      errors.push({ path: at, message: `names ${quote(written)}, which does not exist${loss}` });
    } else if (!isInside(directory, path)) {
      errors.push({
        path: at,
        message: `names ${quote(written)}, which is not in the folder of the Compose file: move it there, or give hosts one of their own by an absolute path`,
      });
    } else if (found.isDirectory() && (kind === 'mount' || isWritable)) {
      await collection.addFolder(inside);
    } else if (!found.isFile()) {
      errors.push({ path: at, message: `names ${quote(written)}, which is not a file` });
    } else {
      await collection.addFile(inside);
      if (isWritable) {
        notes.push(
          `${quote(written)} (${at}) is writable and part of the release: what a container writes into it is gone with the next release. To say that none does, mount it with ':ro'.`,
        );
      }
    }
  }
  if (errors.length > 0) {
    throw new NexusError('invalid', 'the release would not have all that its Compose file needs', {
      details: { errors },
    });
  }
  return { notes };
}

/**
 * Reads the Compose files, all that they need beside them, and the files and folders of `--file`. The directory of the first
 * Compose file is the release's root; with `-`, that is standard input and the current directory. Throws `usage` for
 * what is not there, and `invalid` for what Compose would not take.
 */
export async function readSources(
  composePaths: readonly string[],
  filePaths: readonly string[],
  env: ComposeEnv,
): Promise<ReleaseSources> {
  const paths = await chooseComposeFiles(composePaths, env);
  const first = paths[0] ?? STDIN;
  const directory = resolve(first === STDIN ? '.' : dirname(first));
  const sources: ComposeSource[] = [];
  for (const path of paths) {
    const place = path === STDIN ? join(directory, 'compose.yaml') : resolve(path);
    sources.push({ path: place, text: await readTextFile('--compose', path) });
  }
  const collection = new FileCollection(directory);
  for (const path of filePaths) await addNamed(collection, directory, path);
  const project = await readProject(sources, directory, async (path) => {
    const bytes = await readFile(path).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw new NexusError('invalid', `${quote(path)} cannot be read: ${reasonOf(error)}.`, { cause: error });
    });
    return bytes === undefined ? undefined : (decode(bytes) ?? '');
  });
  const { notes } = await addNeeds(collection, directory, project.needs);
  const overrides = addOverrides(collection, directory, sources.slice(1));
  return {
    compose: sources[0]?.text ?? '',
    overrides,
    files: Object.fromEntries(collection.files),
    notes: [...overrideNote(paths, composePaths), ...notes, ...unsetNote(project.unset)],
  };
}

/** Their names in the release: one from outside the directory takes its last name, as what it names lies in the directory. */
function addOverrides(collection: FileCollection, directory: string, sources: readonly ComposeSource[]): string[] {
  return sources.map(({ path, text: content }) => {
    let name = isInside(directory, path) ? relative(directory, path).split(sep).join('/') : basename(path);
    while (collection.files.has(name) && collection.files.get(name) !== content) name = `override-${name}`;
    collection.files.set(name, content);
    return name;
  });
}

function overrideNote(paths: readonly string[], given: readonly string[]): string[] {
  const [, override] = paths;
  return given.length <= 1 && paths.length === 2 && override !== undefined
    ? [`Merged ${quote(basename(override))} over the Compose file, as Compose does.`]
    : [];
}

function unsetNote(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const verb = names.length === 1 ? 'has' : 'have';
  return [
    `${plural(names.length, 'variable')} of the Compose file ${verb} no value: ${names.map(quote).join(', ')}. A release takes variables from '.env' beside the Compose file, not from this shell; Compose puts in nothing for the others.`,
  ];
}
