/**
 * `npm run demo [-- --exit]`: Nexus on this machine, as a user runs it. Builds the executable, serves on a temporary
 * data directory, adds this machine as a host, runs its agent and shows what it reports, until Ctrl-C. With `--exit` it
 * stops with 0 after the first table in which nothing is missing, and with 1 when there is none within a minute.
 *
 * Only the executable is used, and only its public commands; what they print is compared with what the engine says.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isHostName } from '../../src/domain/host.ts';
import {
  type ContainerListBody,
  containerListBodySchema,
  createdHostBodySchema,
  type HostBody,
  hostBodySchema,
} from '../../src/wire/operator.ts';
import { builtExecutable } from './built-executable.ts';
import { BackgroundChild, type Environment, outputOf } from './child-process.ts';
import { askEngine, engineSocketPath, type LocalEngine } from './local-engine.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const START_LIMIT_MS = 20_000;
const FULL_LIMIT_MS = 60_000;
const AGENT_INTERVAL_SECONDS = 2;
const REFRESH_MS = 1_000;
/** The socket's path must fit into 107 bytes; macOS and some CI machines have temporary folders with long names. */
const MAX_TEMPORARY_PATH = 60;

interface Demo {
  readonly executable: string;
  readonly hostName: string;
  readonly dataDir: string;
  readonly env: Environment;
  readonly children: readonly BackgroundChild[];
  readonly socketPath: string;
}

interface Snapshot {
  readonly host: HostBody;
  readonly containers: ContainerListBody['containers'];
  readonly engine: LocalEngine;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function temporaryDirectory(): string {
  const parent = tmpdir().length <= MAX_TEMPORARY_PATH ? tmpdir() : '/tmp';
  return mkdtempSync(join(parent, 'nexus-demo-'));
}

/** Settings of a Nexus that is really in use on this machine must not reach the demo. */
function demoEnvironment(): Environment {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('NEXUS_'));
  const forTerminal = process.stdout.isTTY
    ? { COLUMNS: String(process.stdout.columns), ...(process.env['NO_COLOR'] ? {} : { FORCE_COLOR: '1' }) }
    : {};
  return { ...Object.fromEntries(own), ...forTerminal };
}

function thisHostName(): string {
  const name = hostname().toLowerCase().replaceAll('_', '-');
  return isHostName(name) ? name : 'this-machine';
}

function nexus(demo: Demo, ...args: readonly string[]): Promise<string> {
  return outputOf(demo.executable, [...args, '--data', demo.dataDir], demo.env);
}

async function start(directory: string, children: BackgroundChild[]): Promise<Demo> {
  const executable = await builtExecutable(ROOT, say);
  const env = demoEnvironment();
  const dataDir = join(directory, 'data');
  const socketPath = engineSocketPath(process.env['DOCKER_HOST']);

  const serveArgs = ['serve', '--data', dataDir, '--listen', '127.0.0.1:0'];
  const server = new BackgroundChild('nexus serve', executable, serveArgs, {
    env,
    logPath: join(directory, 'serve.log'),
  });
  children.push(server);
  const url = (await server.firstLine(START_LIMIT_MS)).replace('nexus listening on ', '');
  say(`nexus serve: ${url}`);

  const demo = { executable, hostName: thisHostName(), dataDir, env, children, socketPath };
  const added = await nexus(demo, 'host', 'add', demo.hostName, '--label', 'demo=yes', '--token', '--json');
  const { token } = createdHostBodySchema.parse(JSON.parse(added));
  if (token === undefined) throw new Error(`'host add --token' answered without a token: ${added}`);

  const agentArgs = [
    'agent',
    '--interval-seconds',
    String(AGENT_INTERVAL_SECONDS),
    '--state-dir',
    join(directory, 'agent'),
  ];
  const agent = new BackgroundChild(
    'nexus agent',
    executable,
    [...agentArgs, '--docker-host', `unix://${socketPath}`],
    {
      env: { ...env, NEXUS_URL: url, NEXUS_AGENT_TOKEN: token.token },
      logPath: join(directory, 'agent.log'),
    },
  );
  children.push(agent);
  say(`nexus agent: reports ${demo.hostName} every ${AGENT_INTERVAL_SECONDS} s\n`);
  return demo;
}

async function look(demo: Demo): Promise<Snapshot> {
  for (const child of demo.children) child.assertRunning();
  const [host, containers, engine] = await Promise.all([
    nexus(demo, 'host', 'show', demo.hostName, '--json'),
    nexus(demo, 'host', 'containers', demo.hostName, '--json'),
    askEngine(demo.socketPath),
  ]);
  return {
    host: hostBodySchema.parse(JSON.parse(host)),
    containers: containerListBodySchema.parse(JSON.parse(containers)).containers,
    engine,
  };
}

/** What a full table still lacks; empty when it is full. */
function missing({ host, containers, engine }: Snapshot): string[] {
  const lacks: string[] = [];
  if (host.status !== 'online') lacks.push(`${host.name} is ${host.status}`);
  if (host.metrics?.cpu_percent == null) lacks.push(`${host.name} has no CPU figure`);
  if (host.metrics?.memory_used_mb == null) lacks.push(`${host.name} has no memory figure`);
  for (const name of 'running' in engine ? engine.running : []) {
    const seen = containers.find((container) => container.name === name && container.removed_at === null);
    if (seen === undefined) lacks.push(`the container ${name} runs and is not reported`);
    else if (seen.metrics.cpu_percent === null) lacks.push(`the container ${name} has no CPU figure`);
    else if (seen.metrics.memory_usage_mb === null) lacks.push(`the container ${name} has no memory figure`);
  }
  return lacks;
}

/** The two tables, as the executable prints them. */
async function tables(demo: Demo, { containers, engine }: Snapshot): Promise<string> {
  const hosts = await nexus(demo, 'host', 'list');
  if ('absent' in engine) {
    return `${hosts}\nNo Docker Engine answers at ${engine.socketPath} (${engine.absent}): showing the host alone.\nSet DOCKER_HOST=unix:///path/to/docker.sock to watch another one.\n`;
  }
  if (containers.length === 0) return `${hosts}\nThe Docker Engine at ${engine.socketPath} has no containers.\n`;
  return `${hosts}\n${await nexus(demo, 'host', 'containers', demo.hostName)}`;
}

async function untilFull(demo: Demo, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + FULL_LIMIT_MS;
  let lacks = ['nothing was looked at'];
  while (!signal.aborted) {
    const snapshot = await look(demo);
    lacks = missing(snapshot);
    if (lacks.length === 0) return say(await tables(demo, snapshot));
    if (performance.now() > deadlineMs) {
      throw new Error(`No full table within ${FULL_LIMIT_MS / 1000} s: ${lacks.join('; ')}.`);
    }
    await sleep(REFRESH_MS / 2, undefined, { signal });
  }
}

/** On a terminal every picture replaces the one before, line by line, so that nothing flickers; elsewhere they follow. */
function draw(picture: string): void {
  if (!process.stdout.isTTY) {
    say(picture);
    return;
  }
  const room = process.stdout.rows - 2;
  const lines = picture.trimEnd().split('\n').slice(0, room);
  lines.push('Ctrl-C stops the demo and takes everything away.');
  process.stdout.write(`\u001b[H${lines.join('\u001b[K\n')}\u001b[K\u001b[J`);
}

async function untilStopped(demo: Demo, signal: AbortSignal): Promise<void> {
  await untilFull(demo, signal);
  if (process.stdout.isTTY) process.stdout.write('\u001b[2J');
  let lastSeenAt: string | null = null;
  while (!signal.aborted) {
    const snapshot = await look(demo);
    // Without a terminal only news is worth a new table.
    if (process.stdout.isTTY || snapshot.host.last_seen_at !== lastSeenAt) draw(await tables(demo, snapshot));
    lastSeenAt = snapshot.host.last_seen_at;
    await sleep(REFRESH_MS, undefined, { signal });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { exit: { type: 'boolean', default: false } } });
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
  // A reader that has seen enough (`| head`) ends the demo like Ctrl-C.
  process.stdout.on('error', () => stop.abort());

  const directory = temporaryDirectory();
  const children: BackgroundChild[] = [];
  process.on('exit', () => {
    for (const child of children) child.kill();
    rmSync(directory, { recursive: true, force: true });
  });
  try {
    const demo = await start(directory, children);
    await (values.exit ? untilFull(demo, stop.signal) : untilStopped(demo, stop.signal));
    return values.exit && stop.signal.aborted ? 1 : 0;
  } catch (error) {
    // Ctrl-C reaches the children as well, and whatever fails because of that is no failure of the demo.
    if (stop.signal.aborted) return values.exit ? 1 : 0;
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    if (process.stdout.isTTY) say('');
    await Promise.all(children.map((child) => child.stop()));
  }
}

process.exitCode = await main();
