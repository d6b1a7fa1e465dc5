/**
 * Does any of this notice a mistake? Deliberate ones are kept as patches beside this file. Each says what it breaks and,
 * as `seeds: FIRST-LAST`, within which seeds the simulator must stumble over it. It is applied to a copy of the sources.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { startSeeds } from './start-seeds.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const MUTANTS = path.join(import.meta.dirname, 'mutants');
const COPIED = ['src', 'agent', 'test/domain', 'test/simulate', 'package.json'];
const LAST_SEED = 2_000;
const PLACES = 2;

const patches = readdirSync(MUTANTS).filter((file) => file.endsWith('.patch'));
const workplace = mkdtempSync(path.join(os.tmpdir(), 'nexus-mutants-'));
after(() => rmSync(workplace, { recursive: true }));

/** Copies of the sources that nobody works on now. */
const free = Array.from({ length: PLACES }, (_, place) => copySources(path.join(workplace, String(place))));

function copySources(folder: string): string {
  for (const part of COPIED) cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

function apply(patch: string, folder: string, ...flags: readonly string[]): void {
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: workplace };
  execFileSync('git', ['apply', ...flags, path.join(MUTANTS, patch)], { cwd: folder, env });
}

/** Where in the seeds a patch says that it is caught. */
function readRange(patch: string): { readonly first: number; readonly last: number } {
  const match = /^seeds: (\d+)-(\d+)$/m.exec(readFileSync(path.join(MUTANTS, patch), 'utf8'));
  assert(match !== null, `${patch} says within which seeds it is caught`);
  return { first: Number(match[1]), last: Number(match[2]) };
}

test('each is to be caught within two thousand seeds', () => {
  for (const patch of patches) assert.ok(readRange(patch).last <= LAST_SEED, patch);
});

suite('planted bugs', { concurrency: PLACES }, () => {
  for (const patch of patches) {
    test(`${path.basename(patch, '.patch')} is caught`, async (context) => {
      const folder = free.pop();
      assert(folder !== undefined);
      try {
        apply(patch, folder);
        const { first, last } = readRange(patch);
        const { failure } = await startSeeds(folder, first, last - first + 1);
        assert.ok(failure !== null, `no seed from ${first} to ${last} fails`);
        context.diagnostic(`seed ${failure.seed}: ${failure.message.split('\n', 1)[0]}`);
        apply(patch, folder, '--reverse');
      } finally {
        free.push(folder);
      }
    });
  }
});
