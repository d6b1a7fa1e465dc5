import { readFileSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** What `nexus serve` notes in its data directory, so that `host add` can print an agent command that works as it is. */
const FILE = 'nexus.url';

/** Throws the system's error when the directory cannot be written. */
export function rememberServerAddress(dataDir: string, url: string): void {
  writeFileSync(join(dataDir, FILE), `${url}\n`, { mode: 0o644 });
}

/** A server bound to every network is reached under this machine's name rather than under the wildcard. */
function reachable(url: URL): string {
  if (url.hostname !== '0.0.0.0' && url.hostname !== '[::]') return url.origin;
  const name = hostname();
  return `${url.protocol}//${isIPv6(name) ? `[${name}]` : name}${url.port === '' ? '' : `:${url.port}`}`;
}

/** The URL under which agents reach the server of this data directory; undefined when it left no note. */
export function recallServerAddress(dataDir: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, FILE), 'utf8').trim();
  } catch {
    // No note, or none for this user: the caller has a default to fall back on.
    return undefined;
  }
  return URL.canParse(text) ? reachable(new URL(text)) : undefined;
}
