/** The rules of the house that a machine can check: who may import whom, no cycles, pure rooms, names. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Room → what it may import: other rooms, packages, `node:` (any built-in). A room may always import itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/domain': [],
  'src/runtime': ['src/domain', 'node:'],
  'src/rollout': ['src/domain'],
  'src/telemetry': ['src/domain'],
  'src/history': ['src/domain', 'src/telemetry'],
  'src/trust': ['src/domain', 'src/http', 'node:', 'canonicalize'],
  'src/explain': ['src/domain', 'src/wire'],
  'src/server': [
    'src/domain',
    'src/runtime',
    'src/rollout',
    'src/telemetry',
    'src/history',
    'src/trust',
    'node:',
    'fastest-levenshtein',
  ],
  'src/wire': ['src/domain', 'zod'],
  'src/intake': ['src/domain', 'src/runtime', 'src/wire', 'src/telemetry', 'node:'],
  'src/sqlite': ['src/domain', 'src/runtime', 'src/rollout', 'src/telemetry', 'src/history', 'node:', 'better-sqlite3'],
  'src/http': [
    'src/domain',
    'src/runtime',
    'src/wire',
    'src/trust',
    'node:',
    'zod',
    'find-my-way',
    'prom-client',
    'yaml',
    'canonicalize',
  ],
  'src/remote-write': [
    'src/domain',
    'src/runtime',
    'src/telemetry',
    'src/history',
    'src/export',
    'hyparquet-writer',
    'node:',
  ],
  'src/export': ['src/domain', 'hyparquet-writer'],
  'src/client': ['src/domain', 'src/runtime', 'src/wire', 'node:', 'undici', 'zod'],
  'src/cli': [
    'src/domain',
    'src/runtime',
    'src/wire',
    'src/client',
    'src/explain',
    'src/main.ts',
    'agent',
    'node:',
    'commander',
    'cli-table3',
    'pino',
  ],
  'src/main.ts': [
    'src/domain',
    'src/runtime',
    'src/rollout',
    'src/telemetry',
    'src/server',
    'src/history',
    'src/trust',
    'src/wire',
    'src/intake',
    'src/sqlite',
    'src/http',
    'src/export',
    'src/remote-write',
    'src/client',
    'node:',
  ],
  agent: ['src/domain', 'src/runtime', 'src/rollout', 'src/wire', 'node:', 'zod'],
  bin: ['src/runtime', 'src/cli', 'src/domain', 'src/intake', 'node:'],
};

const PURE_ROOMS = ['src/domain', 'src/rollout', 'src/telemetry', 'src/history'];
const IMPURE = [
  /\bDate\.now\b/,
  /\bMath\.random\b/,
  /\bprocess\./,
  /\bconsole\./,
  /\bperformance\./,
  /\bnew Date\(\)/,
  /\bset(?:Timeout|Interval|Immediate)\b/,
  /\bfetch\(/,
];
const FORBIDDEN_NAMES = /^(?:utils?|helpers?|types?|index|common|misc)\.ts$/;
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;

interface Source {
  /** Relative to the root. */
  readonly file: string;
  readonly text: string;
  /** Repository files (relative to the root), packages, or `node:…`. */
  readonly imports: readonly string[];
}

/** Tracked files and those about to be. */
function listFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return output.split('\n').filter((file) => file !== '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1');
}

function readImports(file: string, text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? '';
    return name.startsWith('.') ? path.join(path.dirname(file), name) : name;
  });
}

const sources: Source[] = listFiles()
  .filter((file) => /^(?:src|agent|bin)\/.*\.ts$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    return { file, text, imports: readImports(file, text) };
  });

function roomOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT).find((room) => file === room || file.startsWith(`${room}/`));
}

/** The entry of an import table that an import falls under. */
function subjectOf(imported: string): string {
  if (imported.startsWith('node:')) return 'node:';
  const room = roomOf(imported);
  if (room !== undefined) return room;
  return imported
    .split('/')
    .slice(0, imported.startsWith('@') ? 2 : 1)
    .join('/');
}

test('the sources are found', () => {
  assert.ok(sources.length > 50, `only ${sources.length} sources were found`);
});

test('every source lives in a room', () => {
  assert.deepEqual(
    sources.filter((source) => roomOf(source.file) === undefined).map((source) => source.file),
    [],
  );
});

test('no room imports what its row of the table does not name', () => {
  const offences: string[] = [];
  for (const { file, imports } of sources) {
    const room = roomOf(file) ?? '';
    for (const imported of imports) {
      const subject = subjectOf(imported);
      if (subject !== room && !MAY_IMPORT[room]?.includes(subject)) offences.push(`${file} imports ${imported}`);
    }
  }
  assert.deepEqual(offences, []);
});

test('no import leads back to where it began', () => {
  const imports = new Map(sources.map((source) => [source.file, source.imports]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const imported of imports.get(file) ?? []) walk(imported, [...trail, file]);
    done.add(file);
  };
  for (const { file } of sources) walk(file, []);
  assert.deepEqual(cycles, []);
});

test('pure rooms know no clock, randomness, environment, output or timers', () => {
  const offences: string[] = [];
  for (const { file, text } of sources) {
    if (!PURE_ROOMS.includes(roomOf(file) ?? '')) continue;
    for (const pattern of IMPURE) if (pattern.test(withoutComments(text))) offences.push(`${file}: ${pattern}`);
  }
  assert.deepEqual(offences, []);
});

test('files are kebab-case and named after what they hold', () => {
  const offences = listFiles().filter((file) => {
    if (!/\.(?:ts|cjs|mjs)$/.test(file)) return false;
    const name = path.basename(file);
    return !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|cjs|mjs)$/.test(name) || FORBIDDEN_NAMES.test(name);
  });
  assert.deepEqual(offences, []);
});

test('no command goes through a shell', () => {
  const offences = sources
    .filter(
      ({ text }) => /\bexec(?:Sync)?\(\s*[`'"]|shell:\s*true/.test(withoutComments(text)) && !/\.exec\(/.test(text),
    )
    .map((source) => source.file);
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
