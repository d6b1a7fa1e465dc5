/** The executable as an operator gets it: one file, alone in an empty folder, with an empty environment. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, copyFileSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import * as z from 'zod';
import {
  createdHostBodySchema,
  hostHistoryBodySchema,
  hostListBodySchema,
  mintedTokenBodySchema,
} from '../../src/wire/operator.ts';
import { HttpClient, targetOf } from '../http/http-client.ts';
import { HUNG_AFTER_MS, unlessHung } from '../runtime/wait-until.ts';
import { telemetryBody } from '../wire/telemetry-body.ts';
import { afterwards } from './support/afterwards.ts';
import { findExecutable } from './support/nexus-command.ts';
import { scratchDirectory } from './support/nexus-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Posts at once. */
const TOGETHER = 64;
/** What Node calls a worker thread to the system. */
const THREAD = 'WorkerThread';
/** Where the tests run as root, the executable runs as `nobody`: without rights, without a home. */
const NOBODY = 65_534;

/** A folder that holds the executable and nothing else. */
class LonelyFolder {
  readonly directory: string;
  readonly #user: { uid: number; gid: number } | Record<string, never>;

  constructor(test: TestContext) {
    const executable = findExecutable();
    if ('obstacle' in executable) assert.fail(executable.obstacle);
    this.directory = scratchDirectory(test);
    copyFileSync(executable.path, path.join(this.directory, 'nexus'));
    const isRoot = process.getuid?.() === 0;
    this.#user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    if (isRoot) chownSync(this.directory, NOBODY, NOBODY);
  }

  /** What `nobody` cannot write anyway is kept out of the home of whoever runs the tests. */
  get agentState(): Record<string, string> {
    return 'uid' in this.#user ? {} : { NEXUS_AGENT_STATE_DIR: path.join(this.directory, 'agent') };
  }

  run(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const options = { cwd: this.directory, env, timeout: HUNG_AFTER_MS, ...this.#user };
    return new Promise((resolve) => {
      const child = execFile('./nexus', args, options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
    });
  }

  /** The stdout of a command that must succeed. */
  async succeed(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, env);
    assert.equal(code, 0, `nexus ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  serve(test: TestContext, args: readonly string[]): ChildProcess {
    const child = spawn('./nexus', ['serve', ...args], {
      cwd: this.directory,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#user,
    });
    afterwards(test, async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    return child;
  }
}

test('the executable says its version, and leaves nothing behind', async (t) => {
  const folder = new LonelyFolder(t);
  const manifest = readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(manifest));
  assert.equal(await folder.succeed(['--version']), `${version}\n`);
  assert.deepEqual(readdirSync(folder.directory), ['nexus']);
});

interface RunningServer {
  readonly server: ChildProcess;
  readonly url: string;
  log(): string;
}

/** On the data directory `./d`. */
async function startServer(t: TestContext, folder: LonelyFolder, args: readonly string[] = []): Promise<RunningServer> {
  const server = folder.serve(t, ['--data', './d', '--listen', '127.0.0.1:0', ...args]);
  let log = '';
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  assert.ok(server.stdout !== null && server.pid !== undefined);
  const firstLine = once(createInterface(server.stdout), 'line').then(String);
  const line = await unlessHung('the server to print where it listens', firstLine);
  const url = /^nexus listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
  assert.ok(url !== undefined, `it printed '${line}'`);
  return { server, url, log: () => log };
}

test('one file serves, adds a host, mints a token and reports', async (t) => {
  const folder = new LonelyFolder(t);
  const { server, url, log } = await startServer(t, folder);
  assert.ok(!readFileSync(`/proc/${server.pid}/maps`, 'utf8').includes(ROOT), 'nothing is loaded from the sources');

  const added = await folder.succeed(['host', 'add', 'web-1', '--label', 'role=web', '--data', './d', '--json']);
  assert.equal(createdHostBodySchema.parse(JSON.parse(added)).host.status, 'pending');
  const minted = await folder.succeed(['token', 'create', '--host', 'web-1', '--data', './d', '--json']);
  const { token } = mintedTokenBodySchema.parse(JSON.parse(minted));
  await folder.succeed(['agent', '--once'], { NEXUS_URL: url, NEXUS_AGENT_TOKEN: token, ...folder.agentState });

  const listed = await folder.succeed(['host', 'list', '--data', './d', '--json']);
  const [host, ...others] = hostListBodySchema.parse(JSON.parse(listed)).hosts;
  assert.deepEqual(others, []);
  assert.equal(host?.name, 'web-1');
  assert.equal(host?.status, 'online');
  assert.ok((host?.metrics?.memory_total_mb ?? 0) > 0, 'the memory of this machine was measured');

  const wrong = await folder.run(['agent', '--once'], {
    NEXUS_URL: url,
    NEXUS_AGENT_TOKEN: `${token.slice(0, -1)}${token.endsWith('x') ? 'y' : 'x'}`,
    ...folder.agentState,
  });
  assert.equal(wrong.code, 3);
  assert.equal((await folder.run(['agent', '--once'])).code, 2);

  server.kill('SIGTERM');
  const [code] = await unlessHung('the server to end', once(server, 'exit'));
  assert.equal(code, 0, log());
  assert.deepEqual(
    readdirSync(folder.directory).filter((name) => name !== 'agent'),
    ['d', 'nexus'],
  );
});

test('telemetry that comes together is read by a thread of the one file', async (t) => {
  const folder = new LonelyFolder(t);
  const { server, url, log } = await startServer(t, folder, ['--agent-rate-limit', '0']);
  await folder.succeed(['host', 'add', 'web-1', '--data', './d']);
  const minted = await folder.succeed(['token', 'create', '--host', 'web-1', '--data', './d', '--json']);
  const { token } = mintedTokenBodySchema.parse(JSON.parse(minted));
  const agents = new HttpClient(targetOf(url), { maxSockets: TOGETHER });
  t.after(() => agents.close());
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const nowMs = Date.now();
  const threads = (): string[] =>
    readdirSync(`/proc/${server.pid}/task`).map((id) =>
      readFileSync(`/proc/${server.pid}/task/${id}/comm`, 'utf8').trim(),
    );

  assert.ok(!threads().includes(THREAD), 'it is started when it is first needed');
  // The first posts only open the connections, over which the others come at once.
  for (let wave = 0; wave < 4; wave += 1) {
    const posts = Array.from({ length: TOGETHER }, (_, index) => {
      const recordedAt = new Date(nowMs - (wave * TOGETHER + index) * 1000).toISOString();
      const body = JSON.stringify(telemetryBody({ recorded_at: recordedAt }));
      return agents.send({ method: 'POST', path: '/agent/telemetry', headers, body });
    });
    for (const reply of await Promise.all(posts)) assert.equal(reply.status, 204, reply.body);
  }
  assert.ok(threads().includes(THREAD), threads().join());
  const listed = await folder.succeed(['host', 'metrics', 'web-1', '--data', './d', '--json']);
  assert.equal(hostHistoryBodySchema.parse(JSON.parse(listed)).points.length, 4 * TOGETHER);
  assert.doesNotMatch(log(), /the thread that reads telemetry failed/);

  server.kill('SIGTERM');
  const [code] = await unlessHung('the server to end', once(server, 'exit'));
  assert.equal(code, 0, log());
});
