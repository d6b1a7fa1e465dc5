/**
 * Real Docker Engines for tests and benchmarks, several on one Linux machine, as root.
 *
 * Every engine lives in a network namespace: its own iptables rules and bridges then touch neither this machine's nor
 * another engine's. Its socket is an ordinary file, so a test talks to it from anywhere.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as z from 'zod';
import { callEngine, type EngineAnswer, type EngineCall } from './engine-api.ts';
import { enginePaths, undoEngine } from './engine-remains.ts';
import { findObstacle, installLab } from './install.ts';
import { currentRun } from './lab-run.ts';
import { createIsolatedNamespace, onHost, removeNamespace } from './network.ts';
import {
  endProcess,
  findProcesses,
  identifyProcess,
  isAlive,
  type ProcessId,
  signalProcess,
  waitForEnd,
} from './process-id.ts';

export { installLab } from './install.ts';
export {
  createNetworkNamespaces,
  type LabHost,
  type LabNetwork,
  onHost,
  removeNetworkNamespaces,
  setLink,
} from './network.ts';
export { type LabRegistry, startRegistry } from './registry.ts';

/** Image of {@link importBusybox}: a shell, httpd, wget, nc and the other commands of busybox. */
export const BUSYBOX_IMAGE = 'nexus-lab/busybox:1';

const START_LIMIT_MS = 60_000;
const STOP_GRACE_MS = 20_000;
const POLL_MS = 25;
const LOG_TAIL_CHARS = 3_000;
const CLI_LIMIT_MS = 120_000;
const CLI_MOST_OUTPUT = 32_000_000;

export interface EngineOptions {
  /** Folder for its data, which is removed when it stops; one of the run's own by default. Keep its path short. */
  readonly dir?: string;
  /** Namespace to live in, as {@link createNetworkNamespaces} makes them; by default a new one without any network. */
  readonly netns?: string;
  /** Further arguments for dockerd. */
  readonly args?: readonly string[];
  /** Keeps its images and containers on a disk of their own of this size, so that a test may fill it. */
  readonly diskMb?: number;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Engine {
  readonly dir: string;
  readonly socketPath: string;
  /** What DOCKER_HOST wants: `unix://` and the socket. */
  readonly dockerHost: string;
  readonly namespace: string;
  /** Folder with its images and containers: a disk of its own when it was started with `diskMb`. */
  readonly dataRoot: string;
  /** The daemon's process, the newest one after a restart. */
  readonly pid: number;
  /** One call of the Engine API. */
  call(call: EngineCall): Promise<EngineAnswer>;
  /** Runs the docker command line against this engine, Compose included; rejects when it exits other than 0. */
  docker(args: readonly string[], options?: { readonly cwd?: string }): Promise<CommandResult>;
  /** Stops the daemon and starts it again on the same data. */
  restart(): Promise<void>;
  /** Sends the daemon a signal: SIGKILL is a crash (start it again with {@link Engine.restart}), SIGSTOP a hang. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Removes its containers, ends it and takes away its data and, when it was its own, its namespace. */
  stop(): Promise<void>;
}

/**
 * Why no engine can run here, or undefined when one can; installs the programs on the way. The place to ask before a
 * test: `{ skip: await skipWithoutLab() }`.
 */
export async function labUnavailableReason(): Promise<string | undefined> {
  const obstacle = findObstacle();
  if (obstacle !== undefined) return obstacle;
  try {
    await installLab();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `false` when the lab can be used, else the reason to skip; where NEXUS_REQUIRE_DOCKER=1 it throws instead, as on CI. */
export async function skipWithoutLab(): Promise<string | false> {
  const reason = await labUnavailableReason();
  if (reason === undefined) return false;
  if (process.env['NEXUS_REQUIRE_DOCKER'] === '1') {
    throw new Error(`NEXUS_REQUIRE_DOCKER=1, but there is no Docker lab: ${reason}`);
  }
  return reason;
}

/** Starts a Docker Engine and waits until it answers; throws with the end of its log when it does not. */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const { env } = await installLab();
  const lab = await currentRun();
  const dir = options.dir ?? join(lab.folder, `e${lab.nextNumber()}`);
  const paths = enginePaths(dir);
  const namespace = options.netns ?? (await createIsolatedNamespace());
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0) {
    throw new Error(`${dir} is not empty, and an engine's folder is removed when it stops. Pass a new one.`);
  }
  lab.add('engines', dir);
  // An empty file of its own, as otherwise the machine's /etc/docker/daemon.json would apply.
  const config = join(dir, 'daemon.json');
  await writeFile(config, '{}');
  if (options.diskMb !== undefined) await mountDisk(dir, options.diskMb, env);
  const daemonArgs = [
    ['--config-file', config],
    ['--host', `unix://${paths.socket}`],
    ['--data-root', paths.data],
    ['--exec-root', paths.exec],
    ['--pidfile', join(dir, 'dockerd.pid')],
    ['--group', '0'],
    ['--insecure-registry', '10.99.0.0/16'],
    ['--shutdown-timeout', '3'],
    ['--log-level', 'warn'],
    options.args ?? [],
  ].flat();

  let daemon = await launch();

  async function launch(): Promise<ProcessId> {
    const log = openSync(paths.log, 'a');
    const [command, args] = onHost({ namespace }, 'dockerd', daemonArgs);
    // Nothing in the lab is fetched from outside, so no proxy of the machine's may come between engine and registry.
    const child = spawn(command, args, { env: { ...env, NO_PROXY: '*' }, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    await once(child, 'spawn');
    child.unref();
    const id = child.pid === undefined ? undefined : identifyProcess(child.pid);
    if (id === undefined) throw new Error(await describeFailure(paths.log, 'ended at once'));
    await writeFile(paths.process, JSON.stringify(id));
    const due = performance.now() + START_LIMIT_MS;
    while (!(await answersPing(paths.socket))) {
      if (!isAlive(id)) throw new Error(await describeFailure(paths.log, 'ended'));
      if (performance.now() > due) {
        throw new Error(await describeFailure(paths.log, `did not answer within ${START_LIMIT_MS / 1000} s`));
      }
      await sleep(POLL_MS);
    }
    return id;
  }

  return {
    dir,
    socketPath: paths.socket,
    dockerHost: `unix://${paths.socket}`,
    namespace,
    dataRoot: paths.data,
    get pid() {
      return daemon.pid;
    },
    call: (call) => callEngine(paths.socket, call),
    docker: (args, { cwd } = {}) =>
      promisify(execFile)('docker', [...args], {
        env: { ...env, DOCKER_HOST: `unix://${paths.socket}` },
        timeout: CLI_LIMIT_MS,
        maxBuffer: CLI_MOST_OUTPUT,
        ...(cwd === undefined ? {} : { cwd }),
      }),
    restart: async () => {
      await endProcess(daemon, STOP_GRACE_MS);
      daemon = await launch();
    },
    kill: async (signal = 'SIGKILL') => {
      const containerd = findProcesses(join(paths.exec, 'containerd', 'containerd.toml'));
      signalProcess(daemon, signal);
      if (signal !== 'SIGKILL') return;
      // The kernel ends its containerd with it, a moment later. A daemon that starts while that process is still there,
      // if only because nobody has collected its exit, would wait for it in vain, so its pid file goes too.
      for (const id of [daemon, ...containerd]) {
        if (!(await waitForEnd(id, STOP_GRACE_MS))) throw new Error(`Process ${id.pid} outlived its engine's SIGKILL.`);
      }
      await rm(join(paths.exec, 'containerd', 'containerd.pid'), { force: true });
    },
    stop: async () => {
      await undoEngine(dir);
      lab.remove('engines', dir);
      if (options.netns === undefined) await removeNamespace(namespace);
    },
  };
}

/** Gives an engine the image {@link BUSYBOX_IMAGE} without any registry; it sleeps for an hour unless told otherwise. */
export async function importBusybox(engine: Engine, image: string = BUSYBOX_IMAGE): Promise<void> {
  const { busyboxTar } = await installLab();
  const colon = image.lastIndexOf(':');
  const query = new URLSearchParams({
    fromSrc: '-',
    repo: image.slice(0, colon),
    tag: image.slice(colon + 1),
    changes: 'CMD ["/bin/sleep","3600"]',
  });
  const { body } = await engine.call({
    method: 'POST',
    path: `/images/create?${query}`,
    body: await readFile(busyboxTar),
  });
  // It answers 200 before it begins, and tells a failure within the stream.
  if (JSON.stringify(body).includes('errorDetail')) {
    throw new Error(`The engine did not take the busybox image: ${JSON.stringify(body)}`);
  }
}

export interface ContainerOptions {
  readonly name?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: readonly string[];
  /** Host port to container port, both TCP. */
  readonly ports?: Readonly<Record<number, number>>;
  readonly memory_bytes?: number;
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval_ms: number };
}

/** Creates and starts a container, of {@link BUSYBOX_IMAGE} by default; returns its id. */
export async function runContainer(engine: Engine, options: ContainerOptions = {}): Promise<string> {
  const ports = Object.entries(options.ports ?? {});
  const created = await engine.call({
    method: 'POST',
    path: `/containers/create${options.name === undefined ? '' : `?name=${encodeURIComponent(options.name)}`}`,
    body: {
      Image: options.image ?? BUSYBOX_IMAGE,
      // As process 1, the usual sleep ignores SIGTERM, and every stop would take the ten seconds of the default.
      StopTimeout: 1,
      ...(options.command === undefined ? {} : { Cmd: options.command }),
      ...(options.labels === undefined ? {} : { Labels: options.labels }),
      ...(options.env === undefined ? {} : { Env: options.env }),
      ...(options.healthcheck === undefined
        ? {}
        : { Healthcheck: { Test: options.healthcheck.test, Interval: options.healthcheck.interval_ms * 1_000_000 } }),
      ExposedPorts: Object.fromEntries(ports.map(([, inside]) => [`${inside}/tcp`, {}])),
      HostConfig: {
        PortBindings: Object.fromEntries(ports.map(([outside, inside]) => [`${inside}/tcp`, [{ HostPort: outside }]])),
        ...(options.memory_bytes === undefined ? {} : { Memory: options.memory_bytes }),
      },
    },
  });
  const { Id } = z.object({ Id: z.string() }).parse(created.body);
  await engine.call({ method: 'POST', path: `/containers/${Id}/start` });
  return Id;
}

/** Its file takes room only as far as it is used, and is unmounted with whatever else the engine has mounted. */
async function mountDisk(dir: string, sizeMb: number, env: NodeJS.ProcessEnv): Promise<void> {
  const run = promisify(execFile);
  const image = join(dir, 'disk.img');
  const folder = enginePaths(dir).data;
  await writeFile(image, '');
  await truncate(image, sizeMb * 1024 * 1024);
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', image], { env });
  await mkdir(folder);
  await run('mount', ['-o', 'loop', image, folder], { env });
}

async function answersPing(socket: string): Promise<boolean> {
  try {
    return (await callEngine(socket, { path: '/_ping' })).status === 200;
  } catch {
    return false;
  }
}

async function describeFailure(log: string, what: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return `dockerd ${what}. The end of its log:\n${text.slice(-LOG_TAIL_CHARS)}`;
}
