/** Where a release's files go on disk; computed before anything is written. */
import { join, resolve, sep } from 'node:path';
import { invariant, NexusError } from '../../../src/domain/errors.ts';
import { type Manifest, readReleaseFile } from '../../../src/wire/release.ts';

export interface ReleaseFolder {
  readonly folder: string;
  /** The manifest's bytes as they were received. */
  readonly manifest: string;
  /** The Compose file and the release's files, for Compose to resolve the project; no container sees this folder. */
  readonly source: string;
  /** What Compose made of it. Written last: where it is, everything else is too. */
  readonly resolved: string;
  /** The resolved project as it is brought up. */
  readonly deployed: string;
  readonly images: string;
  /** Where relative paths led with earlier agents, so that containers may have written there. */
  readonly oldProject: string;
}

/** `stackFolder` is the stack's own. */
export function locateRelease(stackFolder: string, digest: string): ReleaseFolder {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  invariant(hex !== undefined, `'${digest}' is a digest`);
  const folder = join(stackFolder, 'releases', hex);
  return {
    folder,
    manifest: join(folder, 'manifest.json'),
    source: join(folder, 'source'),
    resolved: join(folder, 'config.json'),
    deployed: join(folder, 'deployed.json'),
    images: join(folder, 'images.json'),
    oldProject: join(folder, 'project'),
  };
}

export interface ProjectFile {
  readonly content: string | Uint8Array;
  readonly mode: number;
}

export interface ProjectLayout {
  /** Paths of the Compose files in the order in which they are merged; the first has no name of a file of the release. */
  readonly composeFiles: readonly string[];
  /** By absolute path, the Compose files included. */
  readonly files: ReadonlyMap<string, ProjectFile>;
}

/** The files that the release ships, by relative path. */
export function shippedFiles(manifest: Manifest): Map<string, ProjectFile> {
  return new Map(Object.entries(manifest.files ?? {}).map(([path, file]) => [path, readReleaseFile(file)]));
}

/** Throws `invalid` for a path that would leave `project`. */
export function layOutProject(manifest: Manifest, project: string): ProjectLayout {
  const given = new Map(Object.entries(manifest.files ?? {}));
  const name = ['compose.yaml', 'compose.nexus.yaml', 'nexus.release.yaml'].find((candidate) => !given.has(candidate));
  if (name === undefined) throw new NexusError('invalid', "the release's files use up every name for its Compose file");
  const composeFile = join(project, name);
  const files = new Map<string, ProjectFile>([[composeFile, readReleaseFile(manifest.compose)]]);
  for (const [relative, file] of given) {
    const path = resolve(project, relative);
    if (!path.startsWith(project + sep) || relative.includes('\0')) {
      throw new NexusError('invalid', `the release's file ${JSON.stringify(relative)} would be outside its folder`);
    }
    files.set(path, readReleaseFile(file));
  }
  return { composeFiles: [composeFile, ...(manifest.overrides ?? []).map((path) => resolve(project, path))], files };
}
