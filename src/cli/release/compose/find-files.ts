/** Which Compose files a project has, by the rules of Docker Compose. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { NexusError } from '../../../domain/errors.ts';
import { statOrNull } from '../files.ts';

/** The names by which Compose finds a project, in this order. */
const COMPOSE_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
/** What it merges over a file of such a name, if it lies beside it; the first of these. */
const OVERRIDE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];
async function firstFile(directory: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const path = join(directory, name);
    if ((await statOrNull(path))?.isFile() === true) return path;
  }
  return undefined;
}

/** What Compose itself would take: the Compose file in `directory` or in the nearest one above, and its override. */
async function findComposeFiles(directory: string): Promise<string[]> {
  const found = await firstFile(directory, COMPOSE_NAMES);
  if (found !== undefined) return withOverride(found);
  if (dirname(directory) !== directory) return findComposeFiles(dirname(directory));
  throw new NexusError(
    'usage',
    'there is no Compose file in this directory or above it: write --compose FILE, or set COMPOSE_FILE.',
  );
}

async function withOverride(path: string): Promise<string[]> {
  if (!COMPOSE_NAMES.includes(basename(path))) return [path];
  const override = await firstFile(dirname(path), OVERRIDE_NAMES);
  return override === undefined ? [path] : [path, override];
}

export type ComposeEnv = Readonly<Record<string, string | undefined>>;

/** The Compose files in the order in which they are merged: those of `--compose`, else of COMPOSE_FILE, else Compose's own. */
export async function chooseComposeFiles(given: readonly string[], shell: ComposeEnv): Promise<string[]> {
  const [only] = given;
  if (only !== undefined) return given.length === 1 ? withOverride(only) : [...given];
  const dotEnv = await readFile('.env', 'utf8').catch(() => '');
  const env: ComposeEnv = { ...parseEnv(dotEnv), ...shell };
  const listed = (env['COMPOSE_FILE'] ?? '').split(env['COMPOSE_PATH_SEPARATOR'] || ':').filter((path) => path !== '');
  return listed.length > 0 ? listed : findComposeFiles(resolve('.'));
}
