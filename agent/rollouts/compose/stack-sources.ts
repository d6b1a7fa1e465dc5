/**
 * Where the relative paths of a Compose file lie on a host. They are the stack's and not the release's: one folder
 * outlives every release, as it does for whoever runs `docker compose up` in the folder of the Compose file.
 */
import { createHash } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { quote } from '../../../src/domain/words.ts';
import type { ComposeModel, Service } from './model.ts';
import type { ProjectFile } from './release-folder.ts';

/** A path that the Compose file gives relative to itself, and that containers see. */
export interface StackSource {
  /** Absolute, on this host. */
  readonly path: string;
  /** Normalized, such as `data`, `../shared` or `.`. */
  readonly relative: string;
  /** `mount`: Docker makes a directory where there is none. `device`: of a volume, which has to be there. `file`: of a config or secret. */
  readonly use: 'mount' | 'device' | 'file';
  readonly isReadOnly: boolean;
  /** Names of the services whose containers see it. */
  readonly services: readonly string[];
}

export interface PlacedModel {
  readonly model: ComposeModel;
  readonly sources: readonly StackSource[];
}

/** Paths that lead up further than this would leave the folder of all stacks, and count as paths of the host. */
const MOST_LEVELS_UP = 4;

/** Says which of a release's files the containers of a service see, and so recreates them when one of those changes. */
const FILES_LABEL = 'nexus.files';

/** The folder of a stack in which its Compose file seems to lie. */
export function projectFolder(stackFolder: string): string {
  return join(stackFolder, 'files');
}

/** Where a normalized relative path of the Compose file lies; each level above the Compose file has a folder of its own. */
export function placeOf(stackFolder: string, path: string): string {
  const parts = path.split('/');
  const below = parts.findIndex((part) => part !== '..');
  const levelsUp = below < 0 ? parts.length : below;
  if (levelsUp === 0) return join(projectFolder(stackFolder), path);
  return join(stackFolder, 'above', String(levelsUp), ...parts.slice(levelsUp));
}

/** `resolvedIn`: the folder, four levels below that of all stacks, that relative paths were relative to in `model`. */
export function placeSources(model: ComposeModel, resolvedIn: string, stackFolder: string): PlacedModel {
  const found = new Map<string, StackSource>();

  /** Where a path of the resolved model lies, after noting it; null: a path of the host, which stays. */
  function place(
    path: unknown,
    use: StackSource['use'],
    isReadOnly: boolean,
    services: readonly string[],
  ): string | null {
    if (typeof path !== 'string') return null;
    const way = relative(resolvedIn, resolve(resolvedIn, path)) || '.';
    if (way.split('/').filter((part) => part === '..').length > MOST_LEVELS_UP) return null;
    const placed = placeOf(stackFolder, way);
    const known = found.get(placed);
    found.set(placed, {
      path: placed,
      relative: way,
      use: known?.use === 'device' ? 'device' : use,
      isReadOnly: isReadOnly && known?.isReadOnly !== false,
      services: [...new Set([...(known?.services ?? []), ...services])],
    });
    return placed;
  }

  const services = mapValues(model.services, (service, name) => ({
    ...service,
    ...(service.volumes == null
      ? {}
      : {
          volumes: service.volumes.map((mount) => {
            if (mount.type !== 'bind') return mount;
            const source = place(mount.source, 'mount', mount.read_only === true, [name]);
            return source === null ? mount : { ...mount, source };
          }),
        }),
  }));
  const mounting = (kind: 'configs' | 'secrets' | 'volumes', source: string): string[] =>
    Object.entries(model.services)
      .filter(([, service]) => service[kind]?.some((use) => use.source === source) === true)
      .map(([name]) => name);
  const withFile = (kind: 'configs' | 'secrets') =>
    mapValues(model[kind] ?? {}, (definition, name) => {
      const file = place(definition.file, 'file', true, mounting(kind, name));
      return file === null ? definition : { ...definition, file };
    });
  const volumes = mapValues(model.volumes ?? {}, (volume, name) => {
    const { driver_opts: options } = volume ?? {};
    if (!isBind(options?.['o'])) return volume;
    const device = place(options?.['device'], 'device', false, mounting('volumes', name));
    return device === null ? volume : { ...volume, driver_opts: { ...options, device } };
  });
  return {
    model: {
      ...model,
      services,
      ...(model.configs == null ? {} : { configs: withFile('configs') }),
      ...(model.secrets == null ? {} : { secrets: withFile('secrets') }),
      ...(model.volumes == null ? {} : { volumes }),
    },
    sources: [...found.values()],
  };
}

/** mount(8), as the `local` driver of Docker volumes passes it on. */
function isBind(mountOptions: unknown): boolean {
  return typeof mountOptions === 'string' && mountOptions.split(',').some((one) => one === 'bind' || one === 'rbind');
}

/** The files of the release, by relative path, that lie at or below one of these paths. */
export function shippedBelow(
  files: ReadonlyMap<string, ProjectFile>,
  sources: readonly Pick<StackSource, 'relative'>[],
): Map<string, ProjectFile> {
  return new Map([...files].filter(([path]) => sources.some((source) => isWithin(path, source.relative))));
}

/** The sources that nothing can ever fill: no container may write there, and the release has no file for them. */
export function findForgotten(
  sources: readonly StackSource[],
  files: ReadonlyMap<string, ProjectFile>,
): readonly StackSource[] {
  const writable = sources.filter(({ isReadOnly }) => !isReadOnly);
  return sources.filter(
    (source) =>
      source.isReadOnly &&
      shippedBelow(files, [source]).size === 0 &&
      !writable.some((other) => isWithin(other.path, source.path) || isWithin(source.path, other.path)),
  );
}

export function describeForgotten({ relative, use, services }: StackSource): string {
  const path = relative.startsWith('..') ? relative : `./${relative}`;
  const [only] = services;
  const who =
    services.length === 1 && only !== undefined
      ? `service ${quote(only)}`
      : `services ${services.map(quote).join(', ')}`;
  const verb = use === 'file' ? 'use' : 'mount';
  const what = `${who} ${services.length === 1 ? `${verb}s` : verb} ${quote(path)}${use === 'file' ? '' : ' read-only'}`;
  return `${what}, and the release does not ship it: it would be an empty directory. Add it to the release with --file, or mount it for writing when it is data`;
}

/** Labels the services whose containers see files of the release, or what its Compose file spells out as files. */
export function labelFiles({ model, sources }: PlacedModel, files: ReadonlyMap<string, ProjectFile>): ComposeModel {
  const services = mapValues(model.services, (service, name): Service => {
    const seen = shippedBelow(
      files,
      sources.filter((source) => source.services.includes(name)),
    );
    const inline = inlineFiles(model, service);
    if (seen.size === 0 && inline.length === 0) return service;
    return { ...service, labels: { ...service.labels, [FILES_LABEL]: digestFiles(seen, inline) } };
  });
  return { ...model, services };
}

/** Configs and secrets of a service whose content stands in the Compose file, which Compose itself does not compare. */
function inlineFiles(model: ComposeModel, service: Service): string[] {
  return (['configs', 'secrets'] as const).flatMap((kind) =>
    (service[kind] ?? []).flatMap(({ source }) => {
      const definition = source === undefined ? undefined : model[kind]?.[source];
      const { content, environment } = definition ?? {};
      return content === undefined && environment === undefined
        ? []
        : [JSON.stringify([kind, source, content ?? null, environment ?? null])];
    }),
  );
}

function digestFiles(files: ReadonlyMap<string, ProjectFile>, inline: readonly string[]): string {
  const hash = createHash('sha256');
  for (const [path, { content, mode }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify([path, mode, Buffer.byteLength(content)])}\n`).update(content);
  }
  for (const entry of inline) hash.update(`${entry}\n`);
  return hash.digest('hex').slice(0, 32);
}

function isWithin(path: string, folder: string): boolean {
  return folder === '.' || path === folder || path.startsWith(`${folder}/`);
}

function mapValues<T, R>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => R,
): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}
