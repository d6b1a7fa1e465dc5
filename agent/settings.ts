import { readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { messageOf, NexusError } from '../src/domain/errors.ts';
import { readAuthorityFile } from './read-authority-file.ts';

/** The agent's flags as the command line hands them over; every one has a variable too. */
export interface AgentFlags {
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly intervalSeconds?: string | number | undefined;
  readonly dockerHost?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly once?: boolean | undefined;
  readonly printSystemdUnit?: boolean | undefined;
  readonly rollouts?: boolean | undefined;
}

export interface RunSettings {
  readonly action: 'run' | 'once';
  /** http(s), without credentials, query and fragment. */
  readonly url: URL;
  readonly token: string;
  /** The only CA in PEM that may vouch for the server; null: those that Node knows. */
  readonly authorityPem: string | null;
  readonly intervalMs: number;
  /** Absolute path of the engine's Unix socket. */
  readonly dockerSocketPath: string;
  readonly stateDir: string;
  /** Where the host's root directory is: `/`, or where it is mounted inside the agent's container. */
  readonly hostRoot: string;
  /** Take up releases that the server dispatches to this host; without it the agent only reads Docker. */
  readonly rollouts: boolean;
}

export type AgentSettings = RunSettings | { readonly action: 'print-systemd-unit' };

export type Environment = Readonly<Record<string, string | undefined>>;

export const DEFAULT_INTERVAL_SECONDS = 30;
const MAX_INTERVAL_SECONDS = 3_600;
export const DEFAULT_DOCKER_HOST = 'unix:///var/run/docker.sock';
/** Name of the systemd credential that holds the token (systemd.exec(5), `LoadCredential=`). */
export const TOKEN_CREDENTIAL = 'nexus-agent-token';

const HOW_TO_GET_A_TOKEN =
  'On the server, `nexus host add NAME --token` (or `nexus token create --host NAME`) prints one.';

function usage(message: string): NexusError {
  return new NexusError('usage', message);
}

function readUrl(text: string | undefined): URL {
  if (text === undefined || text === '') {
    throw usage('NEXUS_URL (or --url) is missing: the address of the Nexus server, e.g. https://nexus.example.com.');
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw usage(`NEXUS_URL (or --url) is not an http:// or https:// address: ${JSON.stringify(text)}.`);
  }
  // The message does not repeat the address: that would put the secret into the log.
  if (url.username !== '' || url.password !== '') {
    throw usage('NEXUS_URL (or --url) holds a user name or password; put the token into NEXUS_AGENT_TOKEN instead.');
  }
  if (url.search !== '' || url.hash !== '') {
    throw usage('NEXUS_URL (or --url) has a query or fragment; use only scheme, host, port and path.');
  }
  return url;
}

function readTokenFile(path: string, origin: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new NexusError(
      'usage',
      `The token file ${path} (${origin}) cannot be read: ${messageOf(error)}. ${HOW_TO_GET_A_TOKEN}`,
      { cause: error },
    );
  }
}

function findToken(flags: AgentFlags, env: Environment): { token: string; origin: string } | null {
  if (flags.tokenFile !== undefined) {
    return { token: readTokenFile(flags.tokenFile, '--token-file'), origin: `--token-file ${flags.tokenFile}` };
  }
  const direct = env['NEXUS_AGENT_TOKEN'];
  if (direct !== undefined && direct.trim() !== '') return { token: direct.trim(), origin: 'NEXUS_AGENT_TOKEN' };
  const file = env['NEXUS_AGENT_TOKEN_FILE'];
  if (file !== undefined && file !== '') {
    return { token: readTokenFile(file, 'NEXUS_AGENT_TOKEN_FILE'), origin: `NEXUS_AGENT_TOKEN_FILE ${file}` };
  }
  const credentials = env['CREDENTIALS_DIRECTORY'];
  if (credentials === undefined || credentials === '') return null;
  const path = join(credentials, TOKEN_CREDENTIAL);
  return { token: readTokenFile(path, 'systemd credential'), origin: `the systemd credential ${TOKEN_CREDENTIAL}` };
}

function readToken(flags: AgentFlags, env: Environment): string {
  const found = findToken(flags, env);
  if (found === null) {
    throw usage(
      `NEXUS_AGENT_TOKEN is missing (or a file with it: --token-file, NEXUS_AGENT_TOKEN_FILE). ${HOW_TO_GET_A_TOKEN}`,
    );
  }
  // RFC 6750: these characters may follow `Bearer`. Anything else is a paste gone wrong, and is not shown.
  if (!/^[A-Za-z0-9._~+/-]{8,512}=*$/.test(found.token)) {
    throw usage(`${found.origin} does not hold a valid token. ${HOW_TO_GET_A_TOKEN}`);
  }
  return found.token;
}

function readAuthority(path: string | undefined, url: URL): string | null {
  if (path === undefined || path === '') return null;
  if (url.protocol !== 'https:') {
    throw usage(
      `NEXUS_CA (or --ca) names a CA, but the address is ${url.origin}: write https:// in NEXUS_URL (or --url).`,
    );
  }
  return readAuthorityFile(path, 'NEXUS_CA (or --ca)');
}

function readIntervalMs(value: string | number | undefined): number {
  if (value === undefined || value === '') return DEFAULT_INTERVAL_SECONDS * 1000;
  const seconds = Number(value);
  if (!/^\d+$/.test(String(value).trim()) || seconds < 1 || seconds > MAX_INTERVAL_SECONDS) {
    throw usage(
      `NEXUS_AGENT_INTERVAL_SECONDS (or --interval-seconds) must be a whole number from 1 to ${MAX_INTERVAL_SECONDS}, not ${JSON.stringify(value)}.`,
    );
  }
  return seconds * 1000;
}

function readSocketPath(text: string): string {
  const path = text.startsWith('unix://') ? text.slice('unix://'.length) : text;
  if (!isAbsolute(path)) {
    throw usage(
      `NEXUS_AGENT_DOCKER_HOST (or --docker-host) must be unix:///path/to/docker.sock, not ${JSON.stringify(text)}: the agent reads the engine of its own host only.`,
    );
  }
  return path;
}

/** `/var/lib/nexus-agent` for root and systemd's choice under systemd, else the XDG base directory for state. */
function defaultStateDir(env: Environment, isRoot: boolean): string {
  const systemd = env['STATE_DIRECTORY']?.split(':')[0];
  if (systemd) return systemd;
  if (isRoot) return '/var/lib/nexus-agent';
  const xdg = env['XDG_STATE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'nexus-agent');
  const home = env['HOME'] || homeOrNull();
  if (home) return join(home, '.local', 'state', 'nexus-agent');
  return join(tmpdir(), `nexus-agent-${process.getuid?.() ?? 0}`);
}

/** Null for a user without an entry in the password database. */
function homeOrNull(): string | null {
  try {
    return homedir();
  } catch {
    return null;
  }
}

/** Refuses anything but 1 and 0: a typing error must not decide whether an agent may change what runs. */
function readSwitch(name: string, value: string | undefined): boolean {
  if (value === undefined || value === '' || value === '0') return false;
  if (value === '1') return true;
  throw usage(`${name} must be 1 or 0, not ${JSON.stringify(value)}.`);
}

function readDirectory(name: string, value: string | undefined, otherwise: string): string {
  if (value === undefined || value === '') return otherwise;
  if (!isAbsolute(value)) throw usage(`${name} must be an absolute path, not ${JSON.stringify(value)}.`);
  return value;
}

/**
 * Resolves what the agent is to do: a flag wins over its variable. Throws `usage` for a setting that is missing or
 * wrong; the message names the variable and the flag and never contains the token.
 */
export function resolveAgentSettings(
  flags: AgentFlags,
  env: Environment,
  isRoot: boolean = process.getuid?.() === 0,
): AgentSettings {
  if (flags.printSystemdUnit === true) return { action: 'print-systemd-unit' };
  const stateDir = flags.stateDir ?? env['NEXUS_AGENT_STATE_DIR'];
  const url = readUrl(flags.url ?? env['NEXUS_URL']);
  return {
    action: flags.once === true ? 'once' : 'run',
    url,
    token: readToken(flags, env),
    authorityPem: readAuthority(flags.ca ?? env['NEXUS_CA'], url),
    intervalMs: readIntervalMs(flags.intervalSeconds ?? env['NEXUS_AGENT_INTERVAL_SECONDS']),
    dockerSocketPath: readSocketPath(flags.dockerHost || env['NEXUS_AGENT_DOCKER_HOST'] || DEFAULT_DOCKER_HOST),
    stateDir: readDirectory('NEXUS_AGENT_STATE_DIR (or --state-dir)', stateDir, defaultStateDir(env, isRoot)),
    hostRoot: readDirectory('NEXUS_AGENT_HOST_ROOT', env['NEXUS_AGENT_HOST_ROOT'], '/'),
    rollouts: flags.rollouts === true || readSwitch('NEXUS_AGENT_ROLLOUTS', env['NEXUS_AGENT_ROLLOUTS']),
  };
}
