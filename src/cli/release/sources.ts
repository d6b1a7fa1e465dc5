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

interface FoundNeed extends Need {
  /** Its path inside the release; leads out of it where it is outside. */
  readonly inside: string;
  readonly is: 'missing' | 'file' | 'folder' | 'other';
}

async function findNeed(directory: string, need: Need): Promise<FoundNeed> {
  const found = await statOrNull(need.path);
  const is = found === null ? 'missing' : found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  return { ...need, inside: relative(directory, need.path).split(sep).join('/'), is };
}

/** Containers write to it, so it belongs to the stack on each host and is never part of a release by itself. */
function isData({ kind, is, inside }: FoundNeed): boolean {
  return kind === 'writable mount' && (is !== 'file' || inside.startsWith('..'));
}

function overlap(a: string, b: string): boolean {
  return isInside(a, b) || isInside(b, a);
}

/** What is wrong with a need; null where the release can have it. */
function objectTo({ kind, written, inside, is }: FoundNeed): string | null {
  const isMount = kind === 'mount' || kind === 'writable mount';
  if (is === 'missing') {
    const loss = kind === 'mount' ? ': every host would mount an empty folder instead' : '';
    return `names ${quote(written)}, which does not exist${loss}`;
  }
  if (inside.startsWith('..')) {
    return `names ${quote(written)}, which is not in the folder of the Compose file: move it there, or give hosts one of their own by an absolute path`;
  }
  return is === 'file' || (is === 'folder' && isMount) ? null : `names ${quote(written)}, which is not a file`;
}

/** What the operator should know of a file that becomes part of the release. */
function noteOn({ kind, written, at }: FoundNeed): string[] {
  if (kind === 'writable mount') {
    return [
      `${quote(written)} (${at}) is writable and part of the release: what a container writes into it is gone with the next release. To say that none does, mount it with ':ro'.`,
    ];
  }
  if (!at.startsWith('secrets.')) return [];
  return [
    `${quote(written)} (${at}) becomes part of the release, which every operator and every agent can read. To keep it on the hosts, name it there by an absolute path.`,
  ];
}

/** Adds what the project needs, and returns notes. Throws `invalid` with all that is wrong. */
async function addNeeds(collection: FileCollection, directory: string, needs: readonly Need[]): Promise<string[]> {
  const found = await Promise.all(needs.map((need) => findNeed(directory, need)));
  const data = found.filter(isData);
  const isShared = ({ kind, is, path }: FoundNeed): boolean =>
    kind === 'mount' && is !== 'file' && data.some((other) => isInside(other.path, path));
  const errors: Array<{ path: string; message: string }> = [];
  const notes = new Set<string>();
  for (const need of found) {
    const { kind, written, at, inside, is, path } = need;
    if (isData(need)) {
      const isNamed = [...collection.files.keys()].some((name) => overlap(name, inside));
      if (is === 'folder' && !isNamed && (await readdir(path)).length > 0) {
        notes.add(
          `${quote(written)} (${at}) is writable, so each host has a folder of its own there, and what is in it here stays here. To ship it, mount it with ':ro' or add --file ${inside}.`,
        );
      }
      continue;
    }
    // Another service fills it.
    if (isShared(need) || (kind === 'optional' && is === 'missing')) continue;
    const objection = objectTo(need);
    if (objection !== null) {
      errors.push({ path: at, message: objection });
      continue;
    }
    if (is === 'folder') await collection.addFolder(inside, new Set(data.map((other) => other.inside)));
    else await collection.addFile(inside);
    for (const note of noteOn(need)) notes.add(note);
  }
  if (errors.length === 0) return [...notes];
  throw new NexusError('invalid', 'the release would not have all that its Compose file needs', {
    details: { errors },
  });
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
  const notes = await addNeeds(collection, directory, project.needs);
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
