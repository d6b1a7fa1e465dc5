/**
 * `npm run demo:rollout`: two bad releases are caught at their canary and undone, on three Docker Engines that this
 * machine runs for the occasion. Version 1 of a small web shop goes out to three hosts; version 2 loses its page three
 * seconds after it starts; version 3 serves its page and leaks memory, which the defaults catch. Everything is done by
 * the built executable, with the commands that are shown.
 *
 * Exits with 0 when the story ended as told, which is asked of the engines too, and with 1 when it did not or cannot be
 * played here: it needs root on Linux. Whatever it starts is taken away again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { createdHostBodySchema, hostListBodySchema } from '../../src/wire/operator.ts';
import { type ReleaseListBody, releaseListBodySchema } from '../../src/wire/release.ts';
import { replayBodySchema, rolloutBodySchema } from '../../src/wire/rollout.ts';
import {
  BUSYBOX_IMAGE,
  createNetworkNamespaces,
  type Engine,
  importBusybox,
  installLab,
  type LabNetwork,
  labUnavailableReason,
  onHost,
  removeNetworkNamespaces,
  startEngine,
} from '../lab/engine.ts';
import { builtExecutable } from './built-executable.ts';
import { BackgroundChild, type Environment, outputOf } from './child-process.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const HOST_COUNT = 3;
const START_LIMIT_MS = 20_000;
const ONLINE_LIMIT_MS = 30_000;
const POLL_MS = 250;
/** The socket's path must fit into 107 bytes. */
const MAX_TEMPORARY_PATH = 60;

/** What each version does, and what becomes of it. */
const VERSIONS = {
  '1': 'httpd -f -p 80 -h /www',
  '2': '(sleep 3; rm /www/index.html) & httpd -f -p 80 -h /www',
  // Two MiB each second.
  '3': `httpd -p 80 -h /www && exec awk 'BEGIN { for (;;) { for (n = 0; n < 32; n++) kept[i++] = sprintf("%65536s", ""); system("sleep 1") } }'`,
} as const;
type Version = keyof typeof VERSIONS;

/** What is said of a release when it is added, beside what it is. Nothing: the defaults. */
const POLICIES: Readonly<Record<Version, readonly string[]>> = {
  '1': ['--soak', '5s', '--sustained-failure', '5s'],
  '2': ['--soak', '30s', '--sustained-failure', '5s'],
  '3': [],
};

interface Host {
  readonly name: string;
  readonly engine: Engine;
}

interface Stage {
  readonly env: Environment;
  readonly directory: string;
  readonly hosts: readonly Host[];
  readonly stop: AbortSignal;
}

/** Things to take away again, the newest first. */
type Remains = (() => Promise<unknown> | unknown)[];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function compose(version: Version): string {
  const page = `mkdir -p /www && echo shop ${version} > /www/index.html && { ${VERSIONS[version]}; }`;
  return [
    'services:',
    '  web:',
    `    image: ${BUSYBOX_IMAGE}`,
    `    command: ${JSON.stringify(['sh', '-c', page])}`,
    '    stop_grace_period: 1s',
    '    healthcheck:',
    '      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]',
    '      interval: 1s',
    '      retries: 1',
    '',
  ].join('\n');
}

/** The shell's own way to write an argument, for a line that can be copied. */
function shown(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument}'`;
}

/** Runs a command before the eyes of whoever watches; returns its exit code. */
async function perform(stage: Stage, ...args: readonly string[]): Promise<number | null> {
  stage.stop.throwIfAborted();
  say(`\n$ nexus ${args.map(shown).join(' ')}`);
  const child = spawn('nexus', [...args], {
    env: { ...stage.env },
    cwd: stage.directory,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await once(child, 'exit');
  stage.stop.throwIfAborted();
  return child.exitCode;
}

async function ask<S extends z.ZodType>(stage: Stage, schema: S, ...args: readonly string[]): Promise<z.output<S>> {
  return schema.parse(JSON.parse(await outputOf('nexus', [...args, '--json'], stage.env)));
}

async function setTheStage(remains: Remains, stop: AbortSignal): Promise<Stage> {
  const executable = await builtExecutable(ROOT, say);
  stop.throwIfAborted();
  say(`Starting ${HOST_COUNT} Docker Engines, each in a network namespace of its own …`);
  const network = await createNetworkNamespaces(HOST_COUNT);
  remains.push(() => removeNetworkNamespaces(network));
  const engines = await startEngines(network, remains);
  stop.throwIfAborted();

  const parent = tmpdir().length <= MAX_TEMPORARY_PATH ? tmpdir() : '/tmp';
  const directory = mkdtempSync(join(parent, 'nexus-rollout-demo-'));
  remains.push(() => rmSync(directory, { recursive: true, force: true }));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  // Settings of a Nexus that is really in use on this machine must not reach the demo.
  const { env: tools } = await installLab();
  const own = Object.entries(tools).filter(([name]) => !name.startsWith('NEXUS_'));
  const env: Environment = {
    ...Object.fromEntries(own),
    PATH: [dirname(executable), tools['PATH'] ?? ''].join(delimiter),
    NEXUS_DATA: join(directory, 'data'),
  };

  const serveArgs = ['serve', '--listen', `${network.serverAddress}:0`];
  const server = start(remains, 'nexus serve', executable, serveArgs, env, directory);
  const url = (await server.firstLine(START_LIMIT_MS)).replace('nexus listening on ', '');
  const hosts: Host[] = [];
  const children = [server];
  const stage: Stage = { env, directory, hosts, stop };
  for (const [index, { engine, namespace }] of engines.entries()) {
    const name = `web-${index + 1}`;
    const { token } = await ask(stage, createdHostBodySchema, 'host', 'add', name, '--label', 'role=web', '--token');
    if (token === undefined) throw new Error("'host add --token' answered without a token.");
    const stateDir = join(directory, name);
    mkdirSync(stateDir);
    const agentArgs = ['agent', '--rollouts'];
    const [command, args] = onHost({ namespace }, executable, agentArgs);
    const agentEnv = {
      NEXUS_URL: url,
      NEXUS_CA: join(directory, 'data', 'pki', 'ca.pem'),
      NEXUS_AGENT_TOKEN: token.token,
      NEXUS_AGENT_STATE_DIR: stateDir,
      NEXUS_AGENT_DOCKER_HOST: engine.dockerHost,
    };
    children.push(start(remains, `the agent of ${name}`, command, args, { ...env, ...agentEnv }, directory));
    hosts.push({ name, engine });
  }
  await untilOnline(stage, children);
  say(`One server, and ${HOST_COUNT} agents that each see an engine of their own.`);
  return stage;
}

async function startEngines(
  network: LabNetwork,
  remains: Remains,
): Promise<{ readonly engine: Engine; readonly namespace: string }[]> {
  const starting = network.hosts.map(async ({ namespace }) => {
    const engine = await startEngine({ netns: namespace });
    remains.push(() => engine.stop());
    await importBusybox(engine);
    return { engine, namespace };
  });
  // Nothing is taken away while another one still starts.
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

function start(
  remains: Remains,
  name: string,
  command: string,
  args: readonly string[],
  env: Environment,
  directory: string,
): BackgroundChild {
  const child = new BackgroundChild(name, command, args, {
    env,
    logPath: join(directory, `${name.replaceAll(' ', '-')}.log`),
  });
  remains.push(() => child.stop());
  process.on('exit', () => child.kill());
  return child;
}

async function untilOnline(stage: Stage, children: readonly BackgroundChild[]): Promise<void> {
  const due = performance.now() + ONLINE_LIMIT_MS;
  for (;;) {
    for (const child of children) child.assertRunning();
    const { hosts } = await ask(stage, hostListBodySchema, 'host', 'list');
    if (hosts.length === HOST_COUNT && hosts.every(({ status }) => status === 'online')) return;
    if (performance.now() > due) throw new Error(`Not every host was online within ${ONLINE_LIMIT_MS / 1000} s.`);
    await sleep(POLL_MS, undefined, { signal: stage.stop });
  }
}

async function rollOut(stage: Stage, version: Version): Promise<number | null> {
  writeFileSync(join(stage.directory, `shop-${version}.yaml`), compose(version));
  const release = ['--stack', 'shop', '--version', version, '--compose', `shop-${version}.yaml`];
  const created = await perform(stage, 'release', 'create', ...release, ...POLICIES[version]);
  if (created !== 0) throw new Error(`The release ${version} was not taken.`);
  const target = ['--selector', 'role=web', '--waves', '1,100%', '--watch'];
  return perform(stage, 'rollout', 'create', `shop@${version}`, ...target);
}

const containersSchema = z.array(z.object({ State: z.string(), Labels: z.record(z.string(), z.string()) }));

/** What an engine itself says it runs of the shop: the version of each container. */
async function versionsOn({ engine }: Host, releases: ReleaseListBody['releases']): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['com.docker.compose.project=shop'] }));
  const { body } = await engine.call({ path: `/containers/json?all=true&filters=${filters}` });
  return containersSchema.parse(body).map(({ State: state, Labels: labels }) => {
    const release = releases.find(({ digest }) => digest === labels['nexus.release']);
    return `${release === undefined ? 'something unknown' : `shop ${release.version}`}, ${state}`;
  });
}

type Claim = readonly [claim: string, holds: boolean];

/** That a bad release was caught and undone by its canary, right after its rollout, which ended with this exit code. */
async function verifyCaught(stage: Stage, version: Version, code: number | null, probe: string): Promise<Claim[]> {
  const { releases } = await ask(stage, releaseListBodySchema, 'release', 'list');
  const rollout = await ask(stage, rolloutBodySchema, 'rollout', 'show', 'latest');
  const replay = await ask(stage, replayBodySchema, 'rollout', 'replay', 'latest');
  const [canary, ...others] = rollout.hosts;
  const onEngines = await Promise.all(stage.hosts.map((host) => versionsOn(host, releases)));
  const quarantine = releases.find(({ digest }) => digest === rollout.release)?.quarantine ?? null;
  const failed = canary?.failure?.failing_probes.join() === probe;
  return [
    [`shop ${version} failed on the canary by '${probe}', which went back`, canary?.state === 'reverted' && failed],
    ['the rollout was halted', rollout.state === 'halted' && code === 1],
    ['the other hosts were not touched', others.length === 2 && others.every(({ state }) => state === 'pending')],
    [
      `every engine runs shop 1 and nothing else (${onEngines.map((versions) => versions.join(' and ')).join('; ')})`,
      onEngines.every((versions) => versions.length === 1 && versions[0] === 'shop 1, running'),
    ],
    [`shop ${version} is quarantined`, quarantine !== null],
    [`the log, folded again from nothing (${replay.entries} entries), gives what is stored`, replay.equal],
  ];
}

async function play(stage: Stage): Promise<boolean> {
  say('\nVersion 1 goes out: to one host first, the canary, and then to all of them.');
  const claims: Claim[] = [['shop 1 converged on all three hosts', (await rollOut(stage, '1')) === 0]];
  say('\nVersion 2 loses its page after three seconds. Its health check sees that.');
  claims.push(...(await verifyCaught(stage, '2', await rollOut(stage, '2'), 'health:web')));
  await perform(stage, 'rollout', 'explain', 'latest', 'web-1');
  say(
    '\nVersion 3 keeps its page and leaks 2 MiB each second. Nothing but its telemetry shows that, at default settings.',
  );
  claims.push(...(await verifyCaught(stage, '3', await rollOut(stage, '3'), 'telemetry')));
  await perform(stage, 'rollout', 'explain', 'latest', 'web-1');
  await perform(stage, 'release', 'list');
  say('');
  for (const [claim, holds] of claims) say(`${holds ? '✓' : '✗'} ${claim}`);
  return claims.every(([, holds]) => holds);
}

async function main(): Promise<number> {
  const obstacle = await labUnavailableReason();
  if (obstacle !== undefined) {
    process.stderr.write(
      `demo: ${obstacle}. This demo starts ${HOST_COUNT} Docker Engines of its own, so run it as root on Linux; 'npm run demo' runs anywhere.\n`,
    );
    return 1;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A second one does not wait any longer; the lab takes its engines away by itself.
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  const remains: Remains = [];
  try {
    const stage = await setTheStage(remains, stop.signal);
    return (await play(stage)) ? 0 : 1;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    process.stderr.write(`demo: ${stop.signal.aborted ? 'stopped before the end of the story' : said}\n`);
    return 1;
  } finally {
    say('\nTaking everything away …');
    for (const undo of remains.reverse()) {
      try {
        await undo();
      } catch (error) {
        process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
}

process.exitCode = await main();
