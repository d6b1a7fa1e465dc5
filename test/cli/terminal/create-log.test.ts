import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createLog } from '../../../src/cli/terminal/create-log.ts';
import { memoryTerminal } from '../memory-terminal.ts';

const SOURCE = path.resolve(import.meta.dirname, '../../../src/cli/terminal/create-log.ts');

/** What a process of its own writes to stderr that runs `script` with a log of this lowest level. */
function logOf(script: string, level = ''): Promise<string> {
  const program =
    `import { createLog } from ${JSON.stringify(SOURCE)};` +
    'const runtime = { nowMs: () => 1_000 };' +
    'const log = createLog({ env: process.env, runtime });' +
    script;
  const args = ['--input-type=module', '--eval', program];
  const options = { env: { NEXUS_LOG_LEVEL: level }, maxBuffer: 64 * 1_048_576 };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (_error, _stdout, stderr) => resolve(stderr));
  });
}

test('a line is a JSON object: level, time, source, fields, message', async () => {
  const line = await logOf("log.warn({ stack: 'shop', took_ms: 5 }, 'slow\\nit is')");
  assert.match(line, /^\{"level":"warn","time":"1970-01-01T00:00:01\.000Z","pid":\d+,"hostname":/);
  const { pid, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.ok(Number.isInteger(pid));
  assert.deepEqual(rest, {
    level: 'warn',
    time: '1970-01-01T00:00:01.000Z',
    hostname: hostname(),
    stack: 'shop',
    took_ms: 5,
    msg: 'slow\nit is',
  });
  assert.equal(line.split('\n').length, 2);
});

for (const [level, expected] of [
  ['', ['info', 'warn', 'error']],
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['error', ['error']],
  ['silent', []],
] as const) {
  test(`with NEXUS_LOG_LEVEL '${level}' it logs ${expected.join(', ') || 'nothing'}`, async () => {
    const text = await logOf("for (const level of ['debug', 'info', 'warn', 'error']) log[level]({}, level)", level);
    const levels = text.split('\n').flatMap((line) => (line === '' ? [] : [/"level":"(\w+)"/.exec(line)?.[1]]));
    assert.deepEqual(levels, expected);
  });
}

test('a field that has no JSON costs the fields, not the line', async () => {
  const line = await logOf("log.error({ bytes: 5n }, 'the disk is full')");
  const { level, msg } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([level, msg], ['error', 'the disk is full']);
});

test('an unknown level is wrong usage', () => {
  assert.throws(() => createLog(memoryTerminal({ env: { NEXUS_LOG_LEVEL: 'loud' } })), { code: 'usage' });
});

test('many long lines arrive whole, although nothing waits for them before the process exits', async () => {
  const script =
    "for (let at = 0; at < 2_000; at++) log.info({ at, text: 'é'.repeat(1_000) }, 'long'); process.exit(0);";
  const lines = (await logOf(script)).split('\n').filter((line) => line !== '');
  assert.equal(lines.length, 2_000);
  assert.equal((JSON.parse(lines[1_999] ?? '') as { at: number }).at, 1_999);
});

test('a stderr that is closed does not stop the program', async () => {
  const script =
    "import { closeSync } from 'node:fs'; closeSync(2); log.error({}, 'unheard'); process.stdout.write('on');";
  const program = `import { createLog } from ${JSON.stringify(SOURCE)}; const log = createLog({ env: {}, runtime: { nowMs: () => 0 } }); ${script}`;
  const stdout = await new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', program], (_error, text) => resolve(text));
  });
  assert.equal(stdout, 'on');
});
