import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { CHILD_MARK, endOrphans } from '../../../../agent/rollouts/compose/end-orphans.ts';
import { runCommand } from '../../../../agent/rollouts/compose/run-command.ts';
import { systemRuntime } from '../../../../src/runtime/system-runtime.ts';
import { waitUntil } from '../../../runtime/wait-until.ts';
import { MemoryLog } from '../sample.ts';

const NEVER = new AbortController().signal;
const BASE = {
  cwd: tmpdir(),
  env: { PATH: process.env['PATH'] },
  limitMs: 10_000,
  signal: NEVER,
  runtime: systemRuntime,
};

function run(script: string, changes: Partial<typeof BASE> = {}) {
  return runCommand('sh', ['-c', script], { ...BASE, ...changes });
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('exit code, output and the words on stderr', async () => {
  assert.deepEqual(await run('echo out; echo err >&2; exit 7'), { exitCode: 7, stdout: 'out\n', errorTail: 'err' });
});

test('of much on stderr, the end', async () => {
  const { errorTail } = await run('head -c 300000 /dev/zero | tr "\\0" x >&2; echo the end >&2');
  assert.equal(errorTail.length < 16_385 && errorTail.length > 16_000, true);
  assert.match(errorTail, /xthe end$/);
});

test('a program that is not there', async () => {
  const result = await runCommand('/nowhere/docker', [], BASE);
  assert.equal(result.exitCode, 127);
  assert.match(result.errorTail, /the program \/nowhere\/docker is not found: install the Docker CLI with its Compose/);
});

test('beyond its limit it is ended, and all that it has started', async () => {
  const { exitCode, stdout, errorTail } = await run('sleep 300 & echo $!; echo working >&2; wait', { limitMs: 2_000 });
  assert.equal(exitCode, -1);
  assert.equal(errorTail, 'working\nit was ended after 2 s');
  await waitUntil('its child to be gone', () => !isRunning(Number(stdout)));
});

test('what a leader leaves behind in its group does not live on', async () => {
  const { stdout } = await run('sleep 300 >/dev/null 2>&1 & echo $!');
  await waitUntil('its child to be gone', () => !isRunning(Number(stdout)));
});

test('it is cut off when the agent stops, and not started afterwards', async () => {
  const stop = new AbortController();
  const running = run('echo ready; sleep 300', { signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  assert.equal((await running).errorTail, 'it was cut off because the agent stops');
  assert.equal((await run('echo', { signal: stop.signal })).errorTail, 'it was not started because the agent stops');
});

test('killed by somebody else', async () => {
  assert.equal((await run('kill -9 $$')).errorTail, 'it was killed by SIGKILL');
});

test('what an earlier agent on this state directory left running is ended, and nothing else', async (t) => {
  const start = async (mark: string) => {
    const child = spawn('sleep', ['300'], { env: { PATH: process.env['PATH'], [CHILD_MARK]: mark }, detached: true });
    await once(child, 'spawn');
    t.after(() => child.kill('SIGKILL'));
    return child;
  };
  const [own, other] = await Promise.all([start('/state/this'), start('/state/this-other')]);
  const ended = once(own, 'exit');
  const log = new MemoryLog();
  await endOrphans('/state/this', log, systemRuntime);
  await ended;
  assert.equal(other.exitCode ?? other.signalCode, null);
  assert.deepEqual(log.lines, ['warn commands of an earlier agent are still running: they are ended']);
  await endOrphans('/state/this', log, systemRuntime);
  assert.equal(log.lines.length, 1);
});
