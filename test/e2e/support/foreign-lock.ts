import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { unlessHung } from '../../runtime/wait-until.ts';
import { afterwards } from './afterwards.ts';

/** A process of its own that has the database locked. */
export async function lockFromOutside(test: TestContext, file: string): Promise<{ release(): Promise<void> }> {
  const script = path.join(import.meta.dirname, 'hold-lock.ts');
  const child = spawn(process.execPath, [script, file], { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  const exited = once(child, 'exit');
  afterwards(test, async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  await unlessHung('the other program to lock the database', once(child.stdout, 'data'));
  return {
    async release() {
      child.stdin.end();
      await unlessHung('the other program to let go', exited);
    },
  };
}
