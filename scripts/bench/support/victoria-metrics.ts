/** VictoriaMetrics, where it is installed: what a store made for nothing but samples does with the same ones. */
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChildServer } from './child-server.ts';

const NAME = 'victoria-metrics';
const POLL_MS = 50;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findExecutable(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  return folders.map((folder) => path.join(folder, NAME)).find(isExecutable);
}

/** It takes no port 0, so one is looked for. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

/** It prints no line when it listens. */
async function untilHealthy(url: string): Promise<string> {
  for (;;) {
    const isHealthy = await fetch(`${url}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isHealthy) return url;
    await sleep(POLL_MS);
  }
}

/** With its default settings, on a free port of the loopback; undefined where it is not on the PATH. */
export async function startVictoriaMetrics(dataDir: string, logFile: string): Promise<ChildServer | undefined> {
  const executable = findExecutable();
  if (executable === undefined) return undefined;
  const port = await freePort();
  const flags = [`-storageDataPath=${dataDir}`, `-httpListenAddr=127.0.0.1:${port}`, '-loggerLevel=ERROR'];
  return ChildServer.start(executable, flags, logFile, () => untilHealthy(`http://127.0.0.1:${port}`));
}

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
