/** Starts `run-seeds.ts` in a process of its own, for tests. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import type { SeedsReport } from './run-seeds.ts';

const MAX_OUTPUT_BYTES = 64 * 1_048_576;

/** `root`: the repository whose sources are run, or a copy of it. Rejects when the process itself fails. */
export function startSeeds(root: string, first: number, count: number, step = 1): Promise<SeedsReport> {
  const file = path.join(root, 'test/simulate/system/run-seeds.ts');
  const args = [file, String(first), String(count), String(step)];
  // A child that believes to be run by the test runner would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: root, env, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error !== null) return reject(new Error(`${stderr}\n${error.message}`, { cause: error }));
      resolve(JSON.parse(stdout) as SeedsReport);
    });
  });
}

/** The failure as a person reads it, with how to see it again. */
export function explainFailure({ seed, message, trace }: NonNullable<SeedsReport['failure']>): string {
  return [
    ...trace,
    '',
    `seed ${seed}: ${message}`,
    `to see it again, with its whole trace: SIM_SEED=${seed} node --test test/simulate/system/simulate.test.ts`,
  ].join('\n');
}
