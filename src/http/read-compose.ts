/** A first look at a release's Compose file. Whether it runs well is for the canary to show. */
import { parseDocument } from 'yaml';
import { quote } from '../domain/words.ts';
import { composeTexts, type Manifest } from '../wire/release.ts';
import { type ForgottenMount, findForgottenMounts } from './forgotten-mounts.ts';
import { invalidField } from './read-body.ts';

export interface ComposeOutline {
  /** Host ports that its services name; ranges and variables are left out. */
  readonly publishedPorts: readonly number[];
  /** What its services call their containers, where they say so themselves. */
  readonly containerNames: readonly string[];
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws a refusal with 422 for what is no YAML. */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true, merge: true });
  const [error] = document.errors;
  if (error !== undefined) invalidField('compose', `is not YAML: ${error.message}`);
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // Thrown for aliases that lead nowhere, or that unfold without end.
    return invalidField('compose', `is not usable YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** The Compose specification's two forms: `[IP:]HOST:CONTAINER[/PROTOCOL]`, or a mapping with `published`. */
function publishedPort(entry: unknown): number | undefined {
  const text = isMapping(entry)
    ? String(entry['published'] ?? '')
    : /(?:^|:)(\d+):\d+(?:\/\w+)?$/.exec(String(entry))?.[1];
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

function describeForgotten({ service, source }: ForgottenMount): string {
  return `mounts ${quote(source)} into service ${quote(service)}, which nothing can write to, and the release does not ship it: add it to the release with --file, or mount it without 'ro' when it is data`;
}

/** Throws a refusal with 422 for what Compose could not run at all. */
export function readCompose(
  manifest: Pick<Manifest, 'compose' | 'overrides' | 'files' | 'removes_stack'>,
): ComposeOutline {
  if (manifest.removes_stack === true) return { publishedPorts: [], containerNames: [] };
  const projects = composeTexts(manifest).map(parseYaml).filter(isMapping);
  const services = projects.flatMap((project) =>
    isMapping(project['services']) ? Object.values(project['services']) : [],
  );
  if (services.length === 0 && !projects.some((project) => project['include'] !== undefined)) {
    return invalidField('compose', "must have at least one service under 'services'");
  }
  const publishedPorts = new Set<number>();
  const containerNames = new Set<string>();
  for (const service of services.filter(isMapping)) {
    const ports = Array.isArray(service['ports']) ? service['ports'] : [];
    for (const port of ports.map(publishedPort)) if (port !== undefined) publishedPorts.add(port);
    const name = service['container_name'];
    if (typeof name === 'string' && !name.includes('$')) containerNames.add(name);
  }
  const [forgotten] = findForgottenMounts(projects, Object.keys(manifest.files ?? {}));
  if (forgotten !== undefined) return invalidField('compose', describeForgotten(forgotten));
  return { publishedPorts: [...publishedPorts], containerNames: [...containerNames] };
}
