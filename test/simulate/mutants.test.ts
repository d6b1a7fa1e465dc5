/**
 * Does any of this notice a mistake? Ten deliberate ones are kept as patches beside this file. Each is applied to a copy
 * of the core with its tests, and the simulator, or else the unit tests, must fail there; the copy as it is must pass.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');
const MUTANTS = path.join(import.meta.dirname, 'mutants');
const COPIED = ['src/domain', 'src/rollout', 'test/domain', 'test/rollout', 'test/simulate'];
/** Enough for a mistake to meet the schedule that shows it. */
const SCHEDULES = '600';
const TIMEOUT_MS = 300_000;

const patches = readdirSync(MUTANTS).filter((file) => file.endsWith('.patch'));
const copies = mkdtempSync(path.join(os.tmpdir(), 'nexus-mutants-'));
after(() => rmSync(copies, { recursive: true }));

function copySources(name: string): string {
  const folder = path.join(copies, name);
  const wanted = (file: string): boolean => file !== MUTANTS && file !== import.meta.filename;
  for (const part of COPIED) {
    cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true, filter: wanted });
  }
  writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
  return folder;
}

/** Whether the tests of a copy pass; throws when they could not be run at all. */
function passes(folder: string, tests: string): Promise<boolean> {
  const { NODE_TEST_CONTEXT: _, SIM_SEED: __, SIM_FIRST_SEED: ___, ...env } = process.env;
  const options = { cwd: folder, env: { ...env, SIM_SCHEDULES: SCHEDULES }, timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--test', '--test-reporter=tap', tests], options, (error, stdout) => {
      if (error === null) resolve(true);
      else if (error.killed !== true && /^# fail [1-9]/m.test(stdout)) resolve(false);
      else reject(error);
    });
  });
}

const SIMULATOR = 'test/simulate/simulate.test.ts';
const UNITS = 'test/rollout/*.test.ts';

test('there are ten', () => assert.equal(patches.length, 10));

suite('mutants', { concurrency: 2 }, () => {
  test('the core as it is passes', async () => {
    const folder = copySources('unchanged');
    assert.equal(await passes(folder, SIMULATOR), true);
    assert.equal(await passes(folder, UNITS), true);
  });

  for (const patch of patches) {
    test(`${path.basename(patch, '.patch')} is caught`, async (context) => {
      const folder = copySources(patch);
      const env = { ...process.env, GIT_CEILING_DIRECTORIES: copies };
      execFileSync('git', ['apply', path.join(MUTANTS, patch)], { cwd: folder, env });
      const bySimulator = !(await passes(folder, SIMULATOR));
      const caught = bySimulator || !(await passes(folder, UNITS));
      assert.ok(caught, 'neither the simulator nor the unit tests noticed');
      context.diagnostic(`${patch}: by ${bySimulator ? 'the simulator' : 'the unit tests'}`);
    });
  }
});
