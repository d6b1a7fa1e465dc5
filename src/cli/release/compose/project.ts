/**
 * Reads a Compose project as Compose does (its files merged, what they include and extend) and finds out which files
 * it needs beside it.
 */
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import { NexusError } from '../../../domain/errors.ts';
import { quote } from '../../../domain/words.ts';
import { isMapping, type Mapping, mappingOf, parseComposeFile } from './document.ts';
import { interpolate } from './interpolate.ts';
import { mergeProjects } from './merge.ts';
import { findMisfits, type Misfit } from './schema.ts';

export interface ComposeSource {
  /** Absolute; what relative paths in it are relative to is another matter. */
  readonly path: string;
  readonly text: string;
}

/** A file or folder on the operator's machine that a project needs. */
export interface Need {
  /** Absolute. */
  readonly path: string;
  /** As the Compose file writes it, with values for its variables. */
  readonly written: string;
  /** Where it is written, for example `services.web.volumes`. */
  readonly at: string;
  /** `mount`: a file or a folder; `writable mount`: one that containers may change; `optional`: it may be missing. */
  readonly kind: 'compose' | 'file' | 'optional' | 'mount' | 'writable mount';
}

export interface ComposeProject {
  readonly needs: readonly Need[];
  /** Names of variables without a value or a default, for which Compose takes an empty text. */
  readonly unset: readonly string[];
}

/** Reads a text file of the project. Throws `invalid` or `usage` where it cannot. */
export type ReadText = (path: string) => Promise<string | undefined>;

/** What Docker Compose is told by an agent, or finds out by itself. */
const GIVEN_BY_HOSTS = /^(?:PATH|HOME|NEXUS_.*|COMPOSE_PROJECT_NAME|(?:HTTPS?|NO)_PROXY|(?:https?|no)_proxy)$/;

/** One part of a project: its Compose files, what their paths are relative to, and the variables that they see. */
interface Part {
  readonly directory: string;
  readonly project: Mapping;
  readonly env: Readonly<Record<string, string>>;
}

type NameKind = 'networks' | 'volumes' | 'configs' | 'secrets' | 'services';

class ProjectReader {
  readonly needs: Need[] = [];
  readonly misfits: Misfit[] = [];
  readonly unset = new Set<string>();
  readonly #root: string;
  readonly #readText: ReadText;
  readonly #parts: Part[] = [];
  /** Files of variables, with the names in them. */
  readonly #envFiles = new Map<string, readonly string[]>();
  readonly #named = new Set(['COMPOSE_PROFILES']);
  /** Names that services may refer to, by kind. */
  readonly #defined: Readonly<Record<NameKind, Set<string>>> = {
    networks: new Set(['default']),
    volumes: new Set(),
    configs: new Set(),
    secrets: new Set(),
    services: new Set(),
  };
  readonly #chain: string[] = [];

  constructor(root: string, readText: ReadText) {
    this.#root = root;
    this.#readText = readText;
  }

  async read(sources: readonly ComposeSource[]): Promise<void> {
    await this.#readPart(sources, this.#root, [join(this.#root, '.env')], {});
    for (const [kind, names] of Object.entries(this.#defined)) {
      for (const { project } of this.#parts) for (const name of Object.keys(mappingOf(project[kind]))) names.add(name);
    }
    if (this.#defined.services.size === 0) this.misfits.push({ path: 'the Compose file', message: 'has no services' });
    for (const part of this.#parts) await this.#readServices(part);
    for (const [path, names] of this.#envFiles) {
      // One that has nothing to say to this project may well be about another one, and private.
      if (names.some((name) => this.#named.has(name))) this.#need(path, relativeTo(this.#root, path), '.env', 'file');
    }
  }

  /** `outer`: variables of the project that includes this part; they win over its own. */
  async #readPart(
    sources: readonly ComposeSource[],
    directory: string,
    envFiles: readonly string[],
    outer: Readonly<Record<string, string>>,
  ): Promise<void> {
    const own: Record<string, string> = {};
    for (const path of envFiles) {
      const values = parseEnv((await this.#readText(path)) ?? '');
      Object.assign(own, values);
      this.#envFiles.set(path, Object.keys(values));
    }
    const env = { ...own, ...outer };
    const documents = sources.map(({ path, text }) => {
      const document = parseComposeFile(text, relativeTo(this.#root, path));
      const misfits = findMisfits(document);
      const isOnly = sources.length === 1 && this.#parts.length === 0;
      const name = isOnly ? 'the Compose file' : relativeTo(this.#root, path);
      for (const { path: place, message } of misfits) {
        const within = isOnly ? place : `${name}: ${place}`;
        this.misfits.push({ path: place === '' ? name : within, message });
      }
      return document;
    });
    this.#readVariables(documents, env);
    const part: Part = { directory, project: mergeProjects(documents), env };
    this.#parts.push(part);
    for (const entry of listOf(part.project['include'])) await this.#include(entry, part);
  }

  async #include(entry: unknown, part: Part): Promise<void> {
    const fill = (value: unknown): string => interpolate(String(value), part.env).text;
    const written = (isMapping(entry) ? textsOf(entry['path']) : [String(entry)]).map(fill);
    const paths = written.map((path) => resolve(part.directory, path));
    const [first] = paths;
    if (first === undefined) return;
    const remote = written.find((path) => /^(?:https?:|git@|git:|oci:|ssh:)/.test(path));
    if (remote !== undefined) {
      const message = `is '${remote}', which every host would fetch for itself: save it beside the Compose file`;
      this.misfits.push({ path: 'include', message });
      return;
    }
    if (this.#chain.includes(first)) {
      throw new NexusError(
        'invalid',
        `${quote(first)} includes itself, by way of ${this.#chain.map(quote).join(', ')}`,
      );
    }
    const sources = [];
    for (const [index, path] of paths.entries()) {
      this.#need(path, written[index] ?? '', 'include', 'compose');
      const text = await this.#readText(path);
      if (text !== undefined) sources.push({ path, text });
    }
    const settings = mappingOf(entry);
    const projectDirectory = settings['project_directory'];
    const directory = projectDirectory === undefined ? dirname(first) : resolve(part.directory, fill(projectDirectory));
    const envFiles = textsOf(settings['env_file']).map((path) => resolve(part.directory, fill(path)));
    for (const path of envFiles) this.#need(path, relativeTo(this.#root, path), 'include.env_file', 'file');
    this.#chain.push(first);
    await this.#readPart(sources, directory, envFiles.length > 0 ? envFiles : [join(directory, '.env')], part.env);
    this.#chain.pop();
  }

  /** Remembers the names of variables, and which of them have no value. */
  #readVariables(documents: readonly unknown[], env: Part['env']): void {
    for (const { text, at } of documents.flatMap((document) => [...textsIn(document, '')])) {
      const found = interpolate(text, env);
      if (found.isMalformed) {
        const message = "has '${' before what is not a variable: write '$${' for the characters themselves";
        this.misfits.push({ path: at, message });
      }
      for (const name of found.named) this.#named.add(name);
      for (const name of found.unset) if (!GIVEN_BY_HOSTS.test(name)) this.unset.add(name);
    }
    // `environment: [NAME]` passes a variable of Compose on.
    for (const document of documents) {
      for (const service of Object.values(mappingOf(mappingOf(document)['services']))) {
        const environment = mappingOf(service)['environment'];
        const passed = isMapping(environment)
          ? Object.keys(environment).filter((name) => environment[name] === null)
          : listOf(environment)
              .map(String)
              .filter((entry) => !entry.includes('='));
        for (const name of passed) this.#named.add(name);
      }
    }
  }

  async #readServices(part: Part): Promise<void> {
    const profiles = new Set((part.env['COMPOSE_PROFILES'] ?? '').split(',').map((name) => name.trim()));
    for (const [name, service] of Object.entries(mappingOf(part.project['services']))) {
      const layers = await this.#layersOf(mappingOf(service), part, name);
      const asked = layers.flatMap(({ project }) => listOf(project['profiles'])).map(String);
      const isOff = asked.length > 0 && !profiles.has('*') && !asked.some((profile) => profiles.has(profile));
      if (isOff) continue;
      this.#requireImage(name, layers);
      for (const layer of layers) this.#readService(`services.${name}`, layer, part);
    }
  }

  /** A service and those that it extends, the innermost last; a file that is extended brings its own directory. */
  async #layersOf(service: Mapping, part: Part, name: string): Promise<Part[]> {
    const layers: Part[] = [{ ...part, project: service }];
    let current: { readonly service: Mapping; readonly name: string; readonly part: Part } = { service, name, part };
    const seen = new Set<string>();
    for (;;) {
      const { extends: base } = current.service as { readonly extends?: unknown };
      if (base === undefined || base === null) return layers;
      const file = isMapping(base) ? base['file'] : undefined;
      const baseName = interpolate(String(isMapping(base) ? base['service'] : base), current.part.env).text;
      const at = `services.${name}.extends`;
      let within = current.part;
      let source = '';
      if (file !== undefined) {
        const written = interpolate(String(file), current.part.env).text;
        const path = resolve(current.part.directory, written);
        this.#need(path, written, at, 'compose');
        const text = await this.#readText(path);
        if (text === undefined) return layers;
        const document = parseComposeFile(text, path);
        this.#readVariables([mappingOf(mappingOf(document)['services'])[baseName]], current.part.env);
        within = { ...current.part, directory: dirname(path), project: mergeProjects([document]) };
        source = path;
      }
      const found = mappingOf(within.project['services'])[baseName];
      const key = `${source}#${baseName}`;
      if (!isMapping(found) || seen.has(key)) {
        const where = source === '' ? '' : ` in ${quote(source)}`;
        const message = seen.has(key)
          ? 'leads back to itself'
          : `names the service ${quote(baseName)}, which is not there${where}`;
        this.misfits.push({ path: at, message });
        return layers;
      }
      seen.add(key);
      layers.push({ ...within, project: found });
      current = { service: found, name: baseName, part: within };
    }
  }

  #requireImage(name: string, layers: readonly Part[]): void {
    const has = (key: string): boolean => layers.some(({ project }) => (project[key] ?? null) !== null);
    if (has('image') || has('provider')) return;
    const path = `services.${name}`;
    if (!has('build')) this.misfits.push({ path, message: "has no 'image'" });
    else {
      const message =
        "is to be built ('build'), but hosts do not build: build it once, push it to a registry, and name it with 'image'";
      this.misfits.push({ path, message });
    }
  }

  #readService(at: string, { project: service, directory, env }: Part, part: Part): void {
    const fill = (value: unknown): string => interpolate(String(value), env).text;
    const file = (written: string, key: string, kind: Need['kind']): void =>
      this.#need(resolve(directory, written), written, `${at}.${key}`, kind);
    for (const entry of listOf(service['env_file'])) {
      const isOptional = isMapping(entry) && String(entry['required']) === 'false';
      file(fill(isMapping(entry) ? entry['path'] : entry), 'env_file', isOptional ? 'optional' : 'file');
    }
    for (const path of textsOf(service['label_file'])) file(fill(path), 'label_file', 'file');
    for (const entry of listOf(service['volumes'])) {
      const mount = readMount(entry, fill);
      if (mount.isPath) file(mount.source, 'volumes', mount.isReadOnly ? 'mount' : 'writable mount');
      else if (mount.source !== '') this.#requireDefined(at, 'volumes', mount.source);
    }
    for (const kind of ['configs', 'secrets'] as const) {
      for (const entry of listOf(service[kind])) {
        const name = fill(isMapping(entry) ? entry['source'] : entry);
        this.#requireDefined(at, kind, name);
        const definition = mappingOf(mappingOf(part.project[kind])[name]);
        if (definition['file'] === undefined) continue;
        const written = interpolate(String(definition['file']), part.env).text;
        this.#need(resolve(part.directory, written), written, `${kind}.${name}.file`, 'file');
      }
    }
    for (const name of namesOf(service['networks'])) this.#requireDefined(at, 'networks', fill(name));
    for (const [name, condition] of entriesOf(service['depends_on'])) {
      if (String(mappingOf(condition)['required']) !== 'false')
        this.#requireDefined(at, 'services', name, 'depends_on');
    }
  }

  #requireDefined(at: string, kind: NameKind, name: string, key: string = kind): void {
    if (this.#defined[kind].has(name)) return;
    this.misfits.push({
      path: `${at}.${key}`,
      message: `names ${quote(name)}, which is not among the ${kind} of the project`,
    });
  }

  #need(path: string, written: string, at: string, kind: Need['kind']): void {
    // Absolute paths and those of a home directory are the host's own.
    if (written.startsWith('/') || written.startsWith('~')) return;
    this.needs.push({ path, written, at, kind });
  }
}

/**
 * Reads the project of these Compose files, whose relative paths start at `root`. Throws `invalid` with all that Compose
 * would not take.
 */
export async function readProject(
  sources: readonly ComposeSource[],
  root: string,
  readText: ReadText,
): Promise<ComposeProject> {
  const reader = new ProjectReader(root, readText);
  await reader.read(sources);
  if (reader.misfits.length > 0) {
    const errors = reader.misfits.filter(isFirst);
    throw new NexusError('invalid', 'Docker Compose would not take this project', { details: { errors } });
  }
  return { needs: reader.needs, unset: [...reader.unset].sort() };
}

function isFirst({ path, message }: Misfit, index: number, all: readonly Misfit[]): boolean {
  return all.findIndex((other) => other.path === path && other.message === message) === index;
}

interface Mount {
  readonly source: string;
  readonly isPath: boolean;
  readonly isReadOnly: boolean;
}

/** `./conf:/etc/app:ro`, or the mapping with `type`, `source` and `read_only`. */
function readMount(entry: unknown, fill: (value: unknown) => string): Mount {
  if (isMapping(entry)) {
    const { type, source, read_only } = entry as Record<'type' | 'source' | 'read_only', unknown>;
    const isNamed = type === 'volume' || type === 'bind';
    return {
      source: isNamed && source !== undefined && source !== null ? fill(source) : '',
      isPath: type === 'bind',
      isReadOnly: String(read_only) === 'true',
    };
  }
  const [source = '', target, mode = ''] = fill(entry).split(':');
  if (target === undefined) return { source: '', isPath: false, isReadOnly: false };
  return { source, isPath: /^[./~]/.test(source), isReadOnly: mode.split(',').includes('ro') };
}

function relativeTo(directory: string, path: string): string {
  return relative(directory, path).split(sep).join('/');
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function textsOf(value: unknown): string[] {
  return listOf(value).map(String);
}

function entriesOf(value: unknown): Array<[string, unknown]> {
  return isMapping(value) ? Object.entries(value) : listOf(value).map((name) => [String(name), null]);
}

function namesOf(value: unknown): string[] {
  return entriesOf(value).map(([name]) => name);
}

/** Every text among the values, with its place. */
function* textsIn(value: unknown, at: string): Generator<{ readonly text: string; readonly at: string }> {
  if (typeof value === 'string') yield { text: value, at };
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* textsIn(item, at === '' ? key : `${at}.${key}`);
  }
}
