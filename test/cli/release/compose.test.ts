/** What becomes of Compose projects: which files travel with them, and which projects are refused. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Compose's variables
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { interpolate } from '../../../src/cli/release/compose/interpolate.ts';
import { readSources } from '../../../src/cli/release/sources.ts';
import { describeFailure } from '../../../src/cli/terminal/failure.ts';
import { NexusError } from '../../../src/domain/errors.ts';
import { REFUSED, TAKEN, writeProject } from './compose-rows.ts';

function scratch(t: TestContext): string {
  const root = mkdtempSync(path.join(tmpdir(), 'nexus-compose-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** The rules that were broken, as they are printed. */
async function errorsOf(read: Promise<unknown>): Promise<string[]> {
  const error = await read.then(
    () => assert.fail('it is taken'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof NexusError && error.code === 'invalid', String(error));
  return describeFailure(error)
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}

describe('release create takes', () => {
  for (const row of TAKEN) {
    it(row.what, async (t) => {
      const { files, overrides, notes } = await readSources(writeProject(scratch(t), row), row.more ?? [], {});
      assert.deepEqual(files, row.ships);
      assert.deepEqual(overrides, row.overrides ?? []);
      assert.equal(notes.length, row.notes?.length ?? 0, notes.join('\n'));
      for (const [index, words] of (row.notes ?? []).entries()) assert.match(notes[index] ?? '', words);
    });
  }
});

describe('release create refuses', () => {
  for (const row of REFUSED) {
    it(row.what, async (t) => {
      const errors = await errorsOf(readSources(writeProject(scratch(t), row), row.more ?? [], {}));
      assert.equal(errors.length, row.errors.length, errors.join('\n'));
      for (const [index, words] of row.errors.entries()) assert.match(errors[index] ?? '', words);
    });
  }
});

describe('without --compose', () => {
  const PROJECT = 'services: {web: {image: a}}\n';
  const rows: Array<[string, Record<string, string>, Record<string, string>, string[]]> = [
    ['the Compose file of the directory counts', { 'compose.yml': PROJECT, 'docker-compose.yml': '' }, {}, []],
    [
      'its override counts too',
      { 'docker-compose.yml': PROJECT, 'docker-compose.override.yml': PROJECT },
      {},
      ['docker-compose.override.yml'],
    ],
    ['COMPOSE_FILE counts', { 'a.yaml': PROJECT, 'b.yaml': PROJECT }, { COMPOSE_FILE: 'a.yaml:b.yaml' }, ['b.yaml']],
    [
      'COMPOSE_FILE of .env counts, with a separator of its own',
      { '.env': 'COMPOSE_FILE=a.yaml,b.yaml\nCOMPOSE_PATH_SEPARATOR=,\n', 'a.yaml': PROJECT, 'b.yaml': PROJECT },
      {},
      ['b.yaml'],
    ],
  ];
  for (const [what, files, env, overrides] of rows) {
    it(what, async (t) => {
      const root = scratch(t);
      writeProject(root, { what, files });
      const before = process.cwd();
      t.after(() => process.chdir(before));
      process.chdir(path.join(root, 'app'));
      const read = await readSources([], [], env);
      assert.deepEqual([read.compose, read.overrides], [PROJECT, overrides]);
    });
  }
});

it('a folder that no release could hold is refused with its largest files', async (t) => {
  const root = scratch(t);
  const files = {
    'compose.yaml': 'services: {web: {image: a, volumes: ["./site:/site:ro"]}}\n',
    'site/a.txt': 'a',
    'site/big.bin': 'x'.repeat(700_000),
    'site/video.mp4': 'x'.repeat(700_000),
  };
  await assert.rejects(
    readSources(writeProject(root, { what: '', files }), [], {}),
    /with 'site\/video\.mp4' the release has more than 1 MiB or 500 files; the largest before it are 'site\/big\.bin', 'site\/a\.txt'/,
  );
});

it('a link that leads out of the folder is refused, and one that leads to itself ends', async (t) => {
  for (const [link, words] of [
    ['/etc/hostname', /'site\/x' is a link that leads nowhere, or out of the folder/],
    ['nowhere', /'site\/x' is a link that leads nowhere/],
    ['.', /'site\/x' is neither a file nor a folder/],
  ] as const) {
    const root = scratch(t);
    const files = { 'compose.yaml': 'services: {web: {image: a, volumes: ["./site:/s:ro"]}}\n', 'site/x': { link } };
    await assert.rejects(readSources(writeProject(root, { what: '', files }), [], {}), words);
  }
});

describe('variables', () => {
  const env = { A: 'a', EMPTY: '' };
  const rows: Array<[string, string, string[]]> = [
    ['$A ${A} $$A $${A}', 'a a $A ${A}', []],
    ['${A:-x} ${EMPTY:-x} ${EMPTY-x} ${B-x} ${B:-}', 'a x  x ', []],
    ['${A:+x} ${EMPTY:+x} ${EMPTY+x} ${B+x}', 'x  x ', []],
    ['${B:-${A}/${C:-c}}', 'a/c', []],
    ['${B:-${C}}', '', ['C']],
    ['$B ${C:?must be there}', ' ', ['B', 'C']],
    ['a.$A-b', 'a.a-b', []],
    ['$(date) $1 $! $', '$(date) $1 $! $', []],
    ['${B:-$(x)}', '$(x)', []],
  ];
  for (const [text, result, unset] of rows) {
    it(text, () => {
      const found = interpolate(text, env);
      assert.deepEqual([found.text, found.unset, found.isMalformed], [result, unset, false]);
    });
  }
  for (const text of ['${}', '${A', '${A!b}', '${1}']) {
    it(`${text} is none`, () => assert.equal(interpolate(text, env).isMalformed, true));
  }
});
