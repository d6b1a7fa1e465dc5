/** The project's own sources, with what each of them imports and exports. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Import {
  /** A file of the repository (relative to the root), a package, or `node:…`. */
  readonly from: string;
  /** The exports that are named; `*` stands for all of them. */
  readonly names: readonly string[];
}

export interface Source {
  /** Relative to the root. */
  readonly file: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
  readonly exports: readonly string[];
}

/** Tracked files and those about to be. */
export function listFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return output.split('\n').filter((file) => file !== '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1');
}

const STATIC_IMPORT = /^import\s+(?:(?<clause>[\w$*{][^;'"]*?)\s+from\s+)?['"](?<from>[^'"\n]+)['"]/gm;
const RE_EXPORT = /^export\s+(?:type\s+)?(?<clause>\{[^}]*\}|\*(?:\s+as\s+\w+)?)\s+from\s+['"](?<from>[^'"\n]+)['"]/gm;
const DYNAMIC_IMPORT =
  /(?:\{(?<clause>[^{}]*)\}\s*=\s*await\s+)?\bimport\(\s*['"](?<from>[^'"]+)['"]\s*\)(?:\.(?<type>\w+))?/g;

/** `A, type B as C` → A and B: the names that the other file knows. */
function listNames(clause: string): string[] {
  return clause
    .split(',')
    .map((item) => item.trim().replace(/^type\s+/, ''))
    .filter((item) => item !== '')
    .map((item) => item.split(/\s+as\s+|\s*:\s*/)[0] ?? item);
}

function readClause(clause: string): string[] {
  const braces = /\{(?<inside>[^}]*)\}/.exec(clause);
  const names = listNames(braces?.groups?.['inside'] ?? '');
  const rest = clause
    .replace(braces?.[0] ?? '', '')
    .replace(/^type\s+/, '')
    .replaceAll(',', ' ')
    .trim();
  if (rest.startsWith('*')) return ['*'];
  return rest === '' ? names : ['default', ...names];
}

function readImports(file: string, code: string): Import[] {
  const resolve = (from: string): string => (from.startsWith('.') ? path.join(path.dirname(file), from) : from);
  const found: Import[] = [];
  for (const { groups } of [...code.matchAll(STATIC_IMPORT), ...code.matchAll(RE_EXPORT)]) {
    found.push({ from: resolve(groups?.['from'] ?? ''), names: readClause(groups?.['clause'] ?? '') });
  }
  for (const { groups } of code.matchAll(DYNAMIC_IMPORT)) {
    const one = groups?.['type'];
    const names = groups?.['clause'] === undefined ? ['*'] : listNames(groups['clause']);
    found.push({ from: resolve(groups?.['from'] ?? ''), names: one === undefined ? names : [one] });
  }
  return found;
}

const DECLARATION =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|class|const|let|interface|type|enum)\s+(?<name>[\w$]+)/gm;
const LISTED = /^export\s+(?:type\s+)?\{(?<names>[^}]*)\}/gm;

function readExports(code: string): string[] {
  const declared = [...code.matchAll(DECLARATION)].map(({ groups }) => groups?.['name'] ?? '');
  const listed = [...code.matchAll(LISTED)].flatMap(({ groups }) => listNames(groups?.['names'] ?? ''));
  return [...declared, ...listed, ...(/^export\s+default\b/m.test(code) ? ['default'] : [])];
}

/** Every TypeScript source of the project, those of tests and scripts included. */
export const SOURCES: readonly Source[] = listFiles()
  .filter((file) => /^(?:src|agent|bin|scripts|test)\/.*\.ts$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => {
    const code = withoutComments(readFileSync(path.join(ROOT, file), 'utf8'));
    return { file, code, imports: readImports(file, code), exports: readExports(code) };
  });

/** What is shipped. */
export const PRODUCT: readonly Source[] = SOURCES.filter(({ file }) => /^(?:src|agent|bin)\//.test(file));
