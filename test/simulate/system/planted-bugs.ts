/**
 * Deliberate mistakes, kept as patches in `mutants/`. Each says in its first lines what it breaks and, as `seed: N`, a seed
 * that fails on it. They are applied to copies of the sources.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** Every planted bug is to be caught within this many seeds. */
export const LAST_SEED = 2_000;

const FOLDER = path.join(import.meta.dirname, 'mutants');
const COPIED = ['src', 'agent', 'test/domain', 'test/simulate', 'package.json'];
const SEED_LINE = /^seed: (\d+|unknown)$/m;

export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** What it breaks. */
  readonly summary: string;
  /** A seed that was seen to fail; null: none is known yet. */
  readonly seed: number | null;
}

export function plantedBugs(): PlantedBug[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.patch'));
  return files.sort().map((name) => readPlantedBug(path.join(FOLDER, name)));
}

function readPlantedBug(file: string): PlantedBug {
  const text = readFileSync(file, 'utf8');
  const seed = SEED_LINE.exec(text)?.[1];
  assert(seed !== undefined, `${file} must have a line 'seed: N' (or 'seed: unknown') above its patch`);
  const summary = text.slice(0, text.search(SEED_LINE)).trim().replaceAll('\n', ' ');
  return { name: path.basename(file, '.patch'), file, summary, seed: seed === 'unknown' ? null : Number(seed) };
}

/** Writes down the seed that fails on a planted bug. */
export function noteSeed({ file }: PlantedBug, seed: number): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(SEED_LINE, `seed: ${seed}`));
}

/** Copies of the sources, into which one bug at a time is planted. */
export class Copies {
  readonly #workplace = mkdtempSync(path.join(os.tmpdir(), 'nexus-mutants-'));
  readonly #free: string[] = [];

  /** As many at once as `use` calls will be under way. */
  constructor(count: number) {
    for (let at = 0; at < count; at += 1) this.#free.push(this.#copy(path.join(this.#workplace, String(at))));
  }

  /** Runs `use` on a copy of the repository's sources with the bug in it. Throws when the patch does not apply. */
  async with<T>(bug: PlantedBug, use: (folder: string) => Promise<T>): Promise<T> {
    const folder = this.#free.pop();
    assert(folder !== undefined, 'no copy of the sources is free');
    try {
      this.#apply(bug, folder);
      try {
        return await use(folder);
      } finally {
        this.#apply(bug, folder, '--reverse');
      }
    } finally {
      this.#free.push(folder);
    }
  }

  remove(): void {
    rmSync(this.#workplace, { recursive: true });
  }

  #copy(folder: string): string {
    for (const part of COPIED) cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    return folder;
  }

  #apply({ file }: PlantedBug, folder: string, ...flags: readonly string[]): void {
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: this.#workplace };
    execFileSync('git', ['apply', ...flags, file], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' });
  }
}
