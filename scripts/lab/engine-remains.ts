/** Ends an engine and takes away all that it leaves: containers, their processes and control groups, mounts, data. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { callEngine } from './engine-api.ts';
import {
  endProcess,
  findProcesses,
  identifyProcess,
  isAlive,
  ProcessId,
  signalProcess,
  waitForEnd,
} from './process-id.ts';

const run = promisify(execFile);

const DAEMON_GRACE_MS = 15_000;
const REMOVE_LIMIT_MS = 10_000;
const KILL_LIMIT_MS = 5_000;

export function enginePaths(folder: string): {
  socket: string;
  data: string;
  exec: string;
  process: string;
  log: string;
} {
  return {
    socket: join(folder, 'docker.sock'),
    data: join(folder, 'data'),
    exec: join(folder, 'exec'),
    process: join(folder, 'process.json'),
    log: join(folder, 'dockerd.log'),
  };
}

/** The daemon last started in `folder`, whether or not it is still alive. */
function readEngineProcess(folder: string): ProcessId | undefined {
  try {
    return ProcessId.parse(JSON.parse(readFileSync(enginePaths(folder).process, 'utf8')));
  } catch {
    return undefined;
  }
}

export async function undoEngine(folder: string): Promise<void> {
  const paths = enginePaths(folder);
  const daemon = readEngineProcess(folder);
  if (daemon !== undefined && isAlive(daemon)) {
    signalProcess(daemon, 'SIGCONT');
    // The engine itself cleans up best; whatever it does not manage in time is taken care of below.
    await removeContainers(paths.socket).catch(() => undefined);
    await endProcess(daemon, DAEMON_GRACE_MS);
  }
  const containers = listFolders(join(paths.data, 'containers'));
  await endStrays(paths.exec, containers);
  await unmountBelow(folder);
  await rm(folder, { recursive: true, force: true });
}

async function removeContainers(socket: string): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_LIMIT_MS);
  const listed = await callEngine(socket, { path: '/containers/json?all=1', signal });
  const containers = z.array(z.object({ Id: z.string() })).parse(listed.body);
  await Promise.all(
    containers.map(({ Id }) => callEngine(socket, { method: 'DELETE', path: `/containers/${Id}?force=1&v=1`, signal })),
  );
}

/** Ends what outlives a daemon that was killed: its containerd, the shims, and the containers' own processes. */
async function endStrays(exec: string, containers: readonly string[]): Promise<void> {
  const strays = findProcesses(`${exec}/`);
  for (const id of strays) signalProcess(id, 'SIGKILL');
  const groups = containers.flatMap(controlGroups);
  const members = groups.flatMap((group) => readPids(join(group, 'cgroup.procs')));
  for (const id of members) signalProcess(id, 'SIGKILL');
  await Promise.all([...strays, ...members].map((id) => waitForEnd(id, KILL_LIMIT_MS)));
  for (const group of groups) await rmdir(group).catch(() => undefined);
}

/** Where a container's control groups are: below each controller in version 1, in one tree in version 2. */
function controlGroups(container: string): string[] {
  const root = '/sys/fs/cgroup';
  const trees = [root, ...listFolders(root).map((name) => join(root, name))];
  return trees
    .flatMap((tree) => [join(tree, 'docker', container), join(tree, 'system.slice', `docker-${container}.scope`)])
    .filter((group) => readPids(join(group, 'cgroup.procs')) !== NO_GROUP);
}

const NO_GROUP: ProcessId[] = [];

function readPids(file: string): ProcessId[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return NO_GROUP;
  }
  return text.split('\n').flatMap((line) => (line === '' ? [] : (identifyProcess(Number(line)) ?? [])));
}

async function unmountBelow(folder: string): Promise<void> {
  // Deepest first; lazily, as a process that is just ending may still hold one.
  for (const point of mountPointsBelow(folder).sort((a, b) => b.length - a.length)) {
    await run('umount', ['--lazy', point]).catch((error: unknown) => {
      // The keeper of a lab and the next lab may both be at it.
      if (mountPointsBelow(folder).includes(point)) throw error;
    });
  }
}

function mountPointsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4]?.replaceAll('\\040', ' ') ?? '')
    .filter((point) => point.startsWith(`${folder}/`));
}

function listFolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
  } catch {
    return [];
  }
}
