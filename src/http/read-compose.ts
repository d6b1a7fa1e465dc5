/** A first look at a release's Compose file. Whether it runs well is for the canary to show. */
import { parseDocument } from 'yaml';
import { invalidField } from './read-body.ts';

export interface ComposeOutline {
  /** Host ports that its services name; ranges and variables are left out. */
  readonly publishedPorts: readonly number[];
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true });
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

/** Throws a refusal with 422 for what Compose could not run at all. */
export function readCompose(text: string): ComposeOutline {
  const compose = parseYaml(text);
  const services = isMapping(compose) ? compose['services'] : undefined;
  if (!isMapping(services) || Object.keys(services).length === 0) {
    return invalidField('compose', "must have at least one service under 'services'");
  }
  const publishedPorts: number[] = [];
  for (const service of Object.values(services)) {
    const ports = isMapping(service) && Array.isArray(service['ports']) ? service['ports'] : [];
    for (const port of ports.map(publishedPort)) if (port !== undefined) publishedPorts.push(port);
  }
  return { publishedPorts };
}
