/**
 * Docker Compose itself about the projects that `release create` is held to: what a release contains resolves on another
 * machine to what it was here, and what is refused here would be refused there.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { configCommand } from '../../agent/rollouts/compose/command.ts';
import { layOutProject } from '../../agent/rollouts/compose/release-folder.ts';
import { skipWithoutLab } from '../../scripts/lab/engine.ts';
import { installLab } from '../../scripts/lab/install.ts';
import { buildManifest } from '../../src/cli/release/manifest.ts';
import { readSources } from '../../src/cli/release/sources.ts';
import { REFUSED, TAKEN, writeProject } from '../cli/release/compose-rows.ts';
import { scratchDirectory } from './support/nexus-server.ts';

const skip = await skipWithoutLab();

interface Resolved {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

async function resolveProject(directory: string, composeFiles: readonly string[]): Promise<Resolved> {
  const { env } = await installLab();
  const args = configCommand({ stack: 'shop', directory, composeFiles });
  return new Promise((done) => {
    execFile('docker', args, { env: { ...env, HOME: '/nonexistent' } }, (error, stdout, stderr) => {
      done({
        code: error === null ? 0 : 1,
        output: stdout.replaceAll(path.dirname(directory), 'ROOT'),
        errors: stderr,
      });
    });
  });
}

/** With the override that Compose finds by itself when it is told no file. */
function given(composeFiles: readonly string[], names: readonly string[]): string[] {
  const override = names.find((name) => /^compose\.override\.ya?ml$/.test(name));
  const [only = ''] = composeFiles;
  const counts = composeFiles.length === 1 && path.basename(only) === 'compose.yaml' && override !== undefined;
  return counts ? [only, path.join(path.dirname(only), override)] : [...composeFiles];
}

test('Docker Compose resolves a release to what it resolves the project to', { skip, concurrency: 4 }, async (t) => {
  for (const row of TAKEN) {
    await t.test(row.what, async (own) => {
      const composeFiles = writeProject(scratchDirectory(own), row);
      const here = path.dirname(composeFiles[0] ?? '');
      const sources = await readSources(composeFiles, row.more ?? [], {});
      const there = path.join(scratchDirectory(own), 'app');
      const layout = layOutProject(buildManifest({ stack: 'shop', version: '1' }, sources), there);
      for (const [file, { content, mode }] of layout.files) {
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, content);
        chmodSync(file, mode);
      }
      const expected = await resolveProject(here, given(composeFiles, Object.keys(row.files)));
      const actual = await resolveProject(there, layout.composeFiles);
      assert.equal(expected.code, 0, expected.errors);
      assert.deepEqual(actual, { ...expected, errors: actual.errors });
    });
  }
});

test('Docker Compose refuses what is refused', { skip, concurrency: 4 }, async (t) => {
  for (const row of REFUSED) {
    await t.test(row.what, async (own) => {
      const composeFiles = writeProject(scratchDirectory(own), row);
      const here = path.dirname(composeFiles[0] ?? '');
      const { code } = await resolveProject(here, given(composeFiles, Object.keys(row.files)));
      assert.equal(code, row.composeTakesIt === true ? 0 : 1);
    });
  }
});
