import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What goes into the executable: a change in any of it makes the one in dist/ old. */
const INGREDIENTS = ['agent', 'bin', 'src', 'scripts/build', 'package.json', 'package-lock.json'];

function modifiedAtMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;
}

function newestBelow(path: string): number {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return modifiedAtMs(path);
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => modifiedAtMs(join(entry.parentPath, entry.name))), Number.NEGATIVE_INFINITY);
}

/** The path of dist/nexus, built first when it is missing or older than its sources. Throws what the build says. */
export async function builtExecutable(root: string, announce: (line: string) => void): Promise<string> {
  const executable = join(root, 'dist', 'nexus');
  const builtAtMs = modifiedAtMs(executable);
  if (INGREDIENTS.every((path) => newestBelow(join(root, path)) <= builtAtMs)) return executable;
  announce('Building dist/nexus …');
  try {
    const build = join(root, 'scripts', 'build', 'build.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [build], { cwd: root });
    announce(`Built ${stdout.trim()}`);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new Error(`The build failed:\n${said}\nSee it again with: npm run build`, { cause: error });
  }
  return executable;
}
