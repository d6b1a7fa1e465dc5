/** Names of files, commands that are run, and what the project depends on. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { TOOL_NAMES } from '../optional-tool.ts';
import { listFiles, PRODUCT, ROOT } from './sources.ts';

const FORBIDDEN_NAMES = /^(?:utils?|helpers?|types?|index|common|misc)\.ts$/;

test('files are kebab-case and named after what they hold', () => {
  const offences = listFiles().filter((file) => {
    if (!/\.(?:ts|cjs|mjs)$/.test(file)) return false;
    const name = path.basename(file);
    return !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|cjs|mjs)$/.test(name) || FORBIDDEN_NAMES.test(name);
  });
  assert.deepEqual(offences, []);
});

test('zod is imported as a namespace, of which a bundle keeps only what is used', () => {
  const offences = PRODUCT.filter(({ code }) => /import (?:type )?(?!(?:type )?\* as z )[^;]* from 'zod'/.test(code));
  assert.deepEqual(
    offences.map(({ file }) => file),
    [],
  );
});

test('no command goes through a shell', () => {
  const offences = PRODUCT.filter(
    ({ code }) => /\bexec(?:Sync)?\(\s*[`'"]|shell:\s*true/.test(code) && !/\.exec\(/.test(code),
  ).map(({ file }) => file);
  assert.deepEqual(offences, []);
});

test('the lock file records no download address', () => {
  const lock = readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved":/);
  assert.doesNotMatch(lock, /https?:\/\/(?:registry|[a-z.]*npm)[^"]*\.tgz/);
});

test('every dependency is pinned and explained in the README', () => {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const all = { ...manifest['dependencies'], ...manifest['devDependencies'], ...manifest['optionalDependencies'] };
  assert.deepEqual(
    Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
  assert.deepEqual(
    Object.keys(all).filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
});

/** Whether they are caught is for their own tests, which take longer; one that does not apply catches nothing. */
test('every deliberate mistake applies to the sources as they are', () => {
  const patches = listFiles().filter((file) => file.startsWith('test/') && file.endsWith('.patch'));
  assert.ok(patches.length >= 10, `only ${patches.length} patches were found`);
  const stale = patches.filter(
    (patch) => spawnSync('git', ['apply', '--check', patch], { cwd: ROOT, stdio: 'ignore' }).status !== 0,
  );
  assert.deepEqual(stale, []);
});

const DECLARED_TYPE = /^(?<exported>export )?(?:declare )?(?:abstract )?(?:interface|type|class) (?<name>\w+)/gm;

/** Two files may each have a private type of one name; a name that others import must mean one thing. */
test('no exported type shares its name with another', () => {
  const files = new Map<string, string[]>();
  const exported = new Set<string>();
  for (const { file, code } of PRODUCT) {
    for (const { groups } of code.matchAll(DECLARED_TYPE)) {
      const name = groups?.['name'] ?? '';
      files.set(name, [...(files.get(name) ?? []), file]);
      if (groups?.['exported'] !== undefined) exported.add(name);
    }
  }
  const ambiguous = [...exported].filter((name) => (files.get(name)?.length ?? 0) > 1);
  assert.deepEqual(
    ambiguous.map((name) => `${name}: ${files.get(name)?.join(', ')}`),
    [],
  );
});

// .npmrc silences npm's warnings about engines, because npm compares with the Node that runs npm.
test('every package supports the pinned Node', () => {
  // npm is a script for whatever 'node' the PATH has first.
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}` };
  execFileSync('npm', ['ci', '--dry-run', '--offline', '--engine-strict'], { cwd: ROOT, env, stdio: 'pipe' });
});

test('the README says which programs tests need, and what is skipped without them', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  assert.deepEqual(
    TOOL_NAMES.filter((name) => !new RegExp(`^\\|.*\`${name}\`.*\\|.*\\|.*\\|$`, 'm').test(readme)),
    [],
  );
});
