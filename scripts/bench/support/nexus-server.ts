import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { builtExecutable } from '../../demo/built-executable.ts';
import { ChildServer } from './child-server.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');

export interface ServerChoice {
  /** Runs this executable; by default dist/nexus, built first when it is old. */
  readonly executable?: string | undefined;
  /** Runs the sources instead, and writes a profile of them into this folder. */
  readonly profile?: string | undefined;
}

/**
 * A copy of the executable, as whoever installs it makes one: of a file that was just built the system maps larger
 * pieces than are used, and counts them as memory of the server. What was built is on the disk then, too, and its
 * writing disturbs nobody's sync.
 */
export async function installNexus(
  directory: string,
  { executable }: Pick<ServerChoice, 'executable'>,
): Promise<string> {
  const source = executable ?? (await builtExecutable(ROOT, (line) => process.stdout.write(`${line}\n`)));
  if (path.dirname(source) === directory) return source;
  const installed = path.join(directory, `installed-${createHash('sha256').update(source).digest('hex')}`);
  if (!existsSync(installed)) copyFileSync(source, installed);
  execFileSync('sync');
  return installed;
}

/** `nexus serve` as it is shipped, on a free port of the loopback, without a limit on the rate of its agents. */
export async function startNexus(dataDir: string, logFile: string, choice: ServerChoice): Promise<ChildServer> {
  const serve = ['serve', '--data', dataDir, '--listen', '127.0.0.1:0', '--agent-rate-limit', '0'];
  if (choice.profile !== undefined) {
    const profiling = ['--cpu-prof', `--cpu-prof-dir=${choice.profile}`];
    return ChildServer.start(process.execPath, [...profiling, path.join(ROOT, 'bin', 'nexus.ts'), ...serve], logFile);
  }
  return ChildServer.start(await installNexus(path.dirname(logFile), choice), serve, logFile);
}
