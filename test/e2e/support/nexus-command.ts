/** Which Nexus the tests run: the executable as it is shipped where there is a fresh one, the sources otherwise. */
import { existsSync, globSync, statSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** What goes into the executable. */
const INPUTS = ['package.json', 'bin/**/*.ts', 'src/**/*.ts', 'agent/**/*.ts', 'scripts/build/*'];

export interface NexusCommand {
  readonly file: string;
  /** To be put before the arguments for Nexus itself. */
  readonly args: readonly string[];
}

/** The built executable, or a sentence that says why it cannot be taken. NEXUS_E2E_EXECUTABLE names another file. */
export function findExecutable(): { readonly path: string } | { readonly obstacle: string } {
  const named = process.env['NEXUS_E2E_EXECUTABLE'];
  if (named !== undefined) {
    return existsSync(named)
      ? { path: named }
      : { obstacle: `NEXUS_E2E_EXECUTABLE names ${named}, which is not there` };
  }
  const built = path.join(ROOT, 'dist', 'nexus');
  if (!existsSync(built)) return { obstacle: "dist/nexus is missing: run 'npm run build' first (npm test does)" };
  const builtMs = statSync(built).mtimeMs;
  const newer = globSync(INPUTS, { cwd: ROOT }).find((file) => statSync(path.join(ROOT, file)).mtimeMs > builtMs);
  if (newer === undefined) return { path: built };
  return { obstacle: `dist/nexus is older than ${newer}: run 'npm run build' again (npm test does)` };
}

/** How to start Nexus. */
export function nexusCommand(): NexusCommand {
  const executable = findExecutable();
  if ('path' in executable) return { file: executable.path, args: [] };
  return { file: process.execPath, args: [path.join(ROOT, 'bin', 'nexus.ts')] };
}
