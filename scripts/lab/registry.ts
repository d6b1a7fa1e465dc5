/** A real image registry on this machine, which the lab's engines take without TLS. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { installLab } from './install.ts';
import { currentRun } from './lab-run.ts';
import type { LabNetwork } from './network.ts';
import { endProcess, identifyProcess, isAlive } from './process-id.ts';

const START_LIMIT_MS = 15_000;
const END_GRACE_MS = 5_000;

export interface LabRegistry {
  /** `HOST:PORT`: the first part of the names of images that are kept here. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts an empty registry that every host of `network` reaches. */
export async function startRegistry(network: Pick<LabNetwork, 'serverAddress'>): Promise<LabRegistry> {
  const { env } = await installLab();
  const lab = await currentRun();
  const folder = join(lab.folder, `registry-${lab.nextNumber()}`);
  await mkdir(folder);
  const port = await freePort(network.serverAddress);
  const address = `${network.serverAddress}:${port}`;
  const config = {
    version: 0.1,
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: address },
  };
  // Its format is YAML, of which JSON is a part.
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const log = openSync(join(folder, 'registry.log'), 'a');
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    env: { ...env, OTEL_TRACES_EXPORTER: 'none' },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  await once(child, 'spawn');
  child.unref();
  const id = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (id === undefined) throw new Error(await describeFailure(folder));
  lab.add('processes', id);

  const due = performance.now() + START_LIMIT_MS;
  while (!(await answers(address))) {
    if (!isAlive(id) || performance.now() > due) throw new Error(await describeFailure(folder));
    await sleep(25);
  }
  return {
    address,
    stop: async () => {
      await endProcess(id, END_GRACE_MS);
      lab.remove('processes', id);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function describeFailure(folder: string): Promise<string> {
  const log = await readFile(join(folder, 'registry.log'), 'utf8').catch(() => '');
  return `The registry did not start:\n${log.slice(-2000)}`;
}

async function answers(address: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`http://${address}/v2/`);
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

async function freePort(host: string): Promise<number> {
  const probe = createServer().listen(0, host);
  await once(probe, 'listening');
  const bound = probe.address();
  probe.close();
  await once(probe, 'close');
  if (bound === null || typeof bound === 'string') throw new Error(`No TCP port could be had on ${host}.`);
  return bound.port;
}
