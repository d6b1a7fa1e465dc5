import { readFileSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** `nexus serve` records its address here in its data directory, so that `host add` can print an agent command that works. */
const FILE = 'nexus.url';

/** How agents reach a server. */
export interface ServerAddress {
  readonly url: string;
  /** The file with the CA that agents must be given; null when they need none. */
  readonly authorityFile: string | null;
}

/** Throws the system's error when the directory cannot be written. */
export function rememberServerAddress(dataDir: string, { url, authorityFile }: ServerAddress): void {
  writeFileSync(join(dataDir, FILE), `${url}\n${authorityFile === null ? '' : `${authorityFile}\n`}`, { mode: 0o644 });
}

/** A server that listens on every network is reached by this machine's name, not by the wildcard address. */
function reachable(url: URL): string {
  // A public address may have a path, under which a proxy serves Nexus.
  if (url.hostname !== '0.0.0.0' && url.hostname !== '[::]') return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  const name = hostname();
  return `${url.protocol}//${isIPv6(name) ? `[${name}]` : name}${url.port === '' ? '' : `:${url.port}`}`;
}

/** How agents reach the server of this data directory; undefined where that is not recorded. */
export function recallServerAddress(dataDir: string): ServerAddress | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(dataDir, FILE), 'utf8').split('\n');
  } catch {
    // Nothing is recorded, or this user may not read it: the caller has a default.
    return undefined;
  }
  const [url = '', authorityFile = ''] = lines;
  if (!URL.canParse(url)) return undefined;
  return { url: reachable(new URL(url)), authorityFile: authorityFile === '' ? null : authorityFile };
}
