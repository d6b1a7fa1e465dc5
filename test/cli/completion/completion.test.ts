import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runCli } from '../../../src/cli/run-cli.ts';
import { type FakeApi, startFakeApi } from '../../client/fake-api.ts';
import { pendingHost, sampleHost } from '../../client/sample-answers.ts';
import {
  olderRelease,
  rolloutHost,
  sampleQuarantine,
  sampleRelease,
  sampleRollout,
  summaryOf,
} from '../../client/sample-rollouts.ts';
import { memoryTerminal } from '../memory-terminal.ts';

const ENTRY = resolve(import.meta.dirname, '../../../bin/nexus.ts');
const BASH_READLINE = resolve(import.meta.dirname, 'complete-in-bash.sh');
const data = mkdtempSync(join(tmpdir(), 'nexus-tab-'));
const bin = join(data, 'bin');
let api: FakeApi;

before(async () => {
  const hosts = [sampleHost(), pendingHost('web-2'), sampleHost({ name: 'web-0', status: 'archived' })];
  const releases = [sampleRelease({ quarantine: sampleQuarantine() }), olderRelease()];
  const rollouts = [summaryOf(sampleRollout([rolloutHost('web-1')]))];
  const body = { hosts, releases, rollouts, next_cursor: null };
  api = await startFakeApi(() => ({ body }), join(data, 'nexus.sock'));
});
after(async () => {
  await api.close();
  rmSync(data, { recursive: true, force: true });
});

async function complete(line: string): Promise<string[]> {
  const terminal = memoryTerminal({ env: { NEXUS_DATA: data }, longestPauseMs: 0 });
  assert.equal(await runCli(['__complete', line], terminal), 0);
  return terminal
    .out()
    .trimEnd()
    .split('\n')
    .map((answer) => answer.split('\t')[0] ?? '');
}

describe('completion offers', () => {
  const rows: Array<[string, string[]]> = [
    ['nexus to', ['words', 'token']],
    ['nexus host ar', ['words', 'archive']],
    ['nexus host ls --', ['words', '--all', '--data', '--url', '--ca', '--insecure', '--json', '--help']],
    ['nexus host list --json --', ['words', '--all', '--data', '--url', '--ca', '--insecure', '--help']],
    ['nexus host add x --label a=b --lab', ['words', '--label']],
    ['nexus host show ', ['words', 'web-1', 'web-2']],
    ['nexus host show "web-2', ['words', 'web-2']],
    ['nexus host label web-1 ', ['words']],
    ['nexus token create --host we', ['words', 'web-1', 'web-2']],
    ['nexus token create --host=we', ['words', '--host=web-1', '--host=web-2']],
    ['nexus completion ', ['words', 'bash', 'zsh', 'fish']],
    ['nexus host list --data ', ['directories']],
    ['nexus serve --data=/t', ['directories']],
    [`nexus host show --data ${'/nonexistent'} `, ['words']],
    ['nexus host show -- ', ['words', 'web-1', 'web-2']],
    ['nexus nonsense ', ['words']],
    ['nexus release show ', ['words', 'shop@1.5', '9ad49925e0e3', 'shop@1.4', '4f2a9c01b7de']],
    ['nexus release show shop@1.4', ['words', 'shop@1.4']],
    ['nexus release lift ', ['words', 'shop@1.5', '9ad49925e0e3']],
    ['nexus release create --compose ', ['files']],
    ['nexus release create --on-failure=h', ['words', '--on-failure=halt']],
    ['nexus rollout create 9ad', ['words', '9ad49925e0e3']],
    ['nexus rollout create shop@1.5 --host web-1 ', ['words', 'web-1', 'web-2']],
    ['nexus rollout create shop@1.5 --host web-1 web-2 --wat', ['words', '--watch']],
    ['nexus rollout plan --selector role=web --w', ['words', '--waves']],
    ['nexus rollout watch ', ['words', 'latest', 'ro_1']],
    ['nexus rollout explain latest ', ['words', 'web-1', 'web-2']],
    ['nexus rollout events latest --host ', ['words', 'web-1', 'web-2']],
  ];
  for (const [line, offered] of rows) it(`for '${line}'`, async () => assert.deepEqual(await complete(line), offered));
});

describe('the bash script', () => {
  const run = promisify(execFile);

  before(() => {
    mkdirSync(bin);
    writeFileSync(join(bin, 'nexus'), `#!/bin/sh\nexec '${process.execPath}' '${ENTRY}' "$@"\n`, { mode: 0o755 });
  });

  /** Completes as readline does: bash itself breaks the line into COMP_WORDS at `=` and `:`. */
  async function completeInBash(line: string, words: readonly string[]): Promise<string[]> {
    const { stdout, stderr } = await run('bash', ['--norc', BASH_READLINE, line, ...words], {
      env: { PATH: `${bin}:${process.env['PATH'] ?? '/usr/bin:/bin'}`, NEXUS_DATA: data },
      cwd: data,
    });
    assert.equal(stderr, '');
    return stdout.split('\n').filter(Boolean);
  }

  const rows: Array<[string, string[], string[]]> = [
    ['nexus host sh', ['nexus', 'host', 'sh'], ['show']],
    ['nexus host show ', ['nexus', 'host', 'show', ''], ['web-1', 'web-2']],
    ['nexus token create --host=we', ['nexus', 'token', 'create', '--host', '=', 'we'], ['web-1', 'web-2']],
    ['nexus token create --host=', ['nexus', 'token', 'create', '--host', '='], ['web-1', 'web-2']],
    ['nexus release show sh', ['nexus', 'release', 'show', 'sh'], ['shop@1.5', 'shop@1.4']],
    ['nexus release show shop@', ['nexus', 'release', 'show', 'shop', '@'], ['1.5', '1.4']],
    ['nexus release show shop@1.4', ['nexus', 'release', 'show', 'shop', '@', '1.4'], ['1.4']],
    ['nexus serve --data b', ['nexus', 'serve', '--data', 'b'], ['bin']],
    ['nexus serve --data=b', ['nexus', 'serve', '--data', '=', 'b'], ['bin']],
    ['nexus host show $(touch owned)w', ['nexus', 'host', 'show', '$(touch owned)w'], []],
  ];
  for (const [line, words, offered] of rows) {
    it(`completes '${line}'`, async () => assert.deepEqual(await completeInBash(line, words), offered));
  }

  it('runs nothing of what was typed', () => {
    assert.equal(existsSync(join(data, 'owned')), false);
  });
});
