import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { CommanderError } from 'commander';
import { exitCodeOf } from '../../src/cli/terminal/exit-code.ts';
import { ERROR_CODES, NexusError } from '../../src/domain/errors.ts';
import { startFakeApi } from '../client/fake-api.ts';
import { pendingHost } from '../client/sample-answers.ts';

const ENTRY = resolve(import.meta.dirname, '../../bin/nexus.ts');
const data = mkdtempSync(join(tmpdir(), 'nexus-exit-'));
after(() => rmSync(data, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program as a process with an environment of its own, as `env -i` gives it. */
function nexus(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [ENTRY, ...args], { env }, (_error, stdout, stderr) =>
      done({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe('a failure becomes an exit code', () => {
  for (const code of ERROR_CODES) {
    const expected = code === 'usage' ? 2 : 1;
    it(`${code}: ${expected}`, () => assert.equal(exitCodeOf(new NexusError(code, 'x')), expected));
  }
  it('of a defect: 1', () => assert.equal(exitCodeOf(new TypeError('x')), 1));
  it('of the parser: 2, but 0 for help and version', () => {
    assert.equal(exitCodeOf(new CommanderError(1, 'commander.unknownOption', 'x')), 2);
    assert.equal(exitCodeOf(new CommanderError(0, 'commander.helpDisplayed', 'x')), 0);
  });
});

describe('the process', () => {
  const rows: Array<[string, number]> = [
    ['--version', 0],
    ['--help', 0],
    ['help host', 0],
    ['completion bash', 0],
    ['host list --data /nonexistent', 1],
    ['host list --no-such-flag', 2],
    ['host list --url http://127.0.0.1:1', 2],
    ['serve --listen nonsense', 2],
    ['serve --remote-write ftp://127.0.0.1/x', 2],
    ['serve --remote-write http://user:secret@127.0.0.1:1/x', 2],
    ['', 2],
  ];
  for (const [line, code] of rows) {
    it(`nexus ${line} exits ${code} in an empty environment`, async () => {
      const ended = await nexus(line.split(' ').filter(Boolean));
      assert.equal(ended.code, code, ended.stderr);
      assert.equal(ended.stdout === '', code !== 0);
      assert.equal(ended.stderr === '', code === 0);
    });
  }

  /** Every module that a command line loads, in order. */
  const modulesOf = (...words: readonly string[]): Promise<string> => {
    const printEveryModule =
      'import { registerHooks } from "node:module";' +
      'registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });';
    const args = ['--import', `data:text/javascript,${encodeURIComponent(printEveryModule)}`, ENTRY, ...words];
    return new Promise((done) => {
      execFile(process.execPath, args, { env: {} }, (_error, _stdout, stderr) => done(stderr));
    });
  };

  it('loads nothing but the version to print its version', async () => {
    const names = (await modulesOf('--version')).split('\n').map((url) => url.replace(/^.*\//, ''));
    assert.deepEqual(names, ['nexus.ts', 'node:fs', 'version.ts', '']);
  });

  it('loads neither network, schemas, store nor log to print its help', async () => {
    const trace = await modulesOf('--help');
    assert.match(trace, /node_modules\/commander\//);
    assert.doesNotMatch(trace, /node_modules\/(?:undici|zod|better-sqlite3|cli-table3)\//);
    assert.doesNotMatch(trace, /create-log/);
  });

  it('ends quietly when the reader of its output has seen enough', async (t) => {
    const hosts = Array.from({ length: 1000 }, (_, index) => pendingHost(`web-${index}`));
    const api = await startFakeApi(() => ({ body: { hosts, next_cursor: null } }), join(data, 'nexus.sock'));
    t.after(() => api.close());
    const child = spawn(process.execPath, [ENTRY, 'host', 'list', '--json'], {
      env: { NEXUS_DATA: data },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'close');
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('writes all of a large document before it exits', async (t) => {
    const hosts = Array.from({ length: 1000 }, (_, index) => pendingHost(`web-${index}`));
    const api = await startFakeApi(() => ({ body: { hosts, next_cursor: null } }), join(data, 'nexus.sock'));
    t.after(() => api.close());
    const { stdout } = await nexus(['host', 'list', '--json'], { NEXUS_DATA: data });
    assert.equal((JSON.parse(stdout) as { hosts: unknown[] }).hosts.length, 1000);
  });
});
