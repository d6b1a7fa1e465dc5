import { readFileSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** `nexus serve` records its address here in its data directory, so that `host add` can print an agent command that works. */
const FILE = 'nexus.url';

/** Throws the system's error when the directory cannot be written. */
export function rememberServerAddress(dataDir: string, url: string): void {
  writeFileSync(join(dataDir, FILE), `${url}\n`, { mode: 0o644 });
}

/** A server that listens on every network is reached by this machine's name, not by the wildcard address. */
function reachable(url: URL): string {
  if (url.hostname !== '0.0.0.0' && url.hostname !== '[::]') return url.origin;
  const name = hostname();
  return `${url.protocol}//${isIPv6(name) ? `[${name}]` : name}${url.port === '' ? '' : `:${url.port}`}`;
}

/** The URL by which agents reach the server of this data directory; undefined where none is recorded. */
export function recallServerAddress(dataDir: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(dataDir, FILE), 'utf8').trim();
  } catch {
    // Nothing is recorded, or this user may not read it: the caller has a default.
    return undefined;
  }
  return URL.canParse(text) ? reachable(new URL(text)) : undefined;
}
