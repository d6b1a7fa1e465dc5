import { readdir, readFile } from 'node:fs/promises';
import type { Log } from '../../../src/domain/log.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { delay } from '../../../src/runtime/wait.ts';

/**
 * Names the variable that marks every process of a rollout; its value is the agent's state directory. A Compose that
 * outlives a killed agent goes on changing containers, and the next agent finds it by this mark.
 */
export const CHILD_MARK = 'NEXUS_AGENT_CHILD_OF';

const END_LIMIT_MS = 5_000;
const POLL_MS = 20;

/** Ends what an earlier agent on this state directory has left running. */
export async function endOrphans(stateDir: string, log: Log, runtime: Runtime): Promise<void> {
  const dueMs = runtime.monotonicMs() + END_LIMIT_MS;
  let said = false;
  for (;;) {
    const orphans = await findMarked(`${CHILD_MARK}=${stateDir}`);
    if (orphans.length === 0) return;
    if (!said) log.warn({ pids: orphans }, 'commands of an earlier agent are still running: they are ended');
    said = true;
    for (const pid of orphans) kill(pid);
    if (runtime.monotonicMs() > dueMs) {
      log.error({ pids: orphans }, 'commands of an earlier agent do not end, and may interfere with this one');
      return;
    }
    await delay(runtime, POLL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/** Processes whose environment at their start held exactly `setting` (proc(5), `/proc/<pid>/environ`). */
async function findMarked(setting: string): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => []);
  const pids = entries.filter((name) => /^\d+$/.test(name)).map(Number);
  const marked = await Promise.all(pids.map((pid) => hasMark(pid, setting)));
  return pids.filter((pid, index) => marked[index] === true && pid !== process.pid);
}

async function hasMark(pid: number, setting: string): Promise<boolean> {
  try {
    // Another user's process cannot be read, and was not started here. One that has ended has no environment left.
    return (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').includes(setting);
  } catch {
    return false;
  }
}
