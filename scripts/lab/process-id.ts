/** Names a process so that a number the kernel has given to another one meanwhile is never mistaken for it. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';

export const ProcessId = z.object({
  pid: z.number().int().positive(),
  /** Start time in clock ticks since boot, from /proc/PID/stat. */
  started_ticks: z.string(),
});
export type ProcessId = z.infer<typeof ProcessId>;

const POLL_MS = 20;

/** The process that has `pid` now, or undefined when none has, or it has ended and only waits to be collected. */
export function identifyProcess(pid: number): ProcessId | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command's name comes second, in parentheses, and may hold anything; the fields after it do not.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const started = rest[18];
  if (state === 'Z' || state === 'X' || started === undefined) return undefined;
  return { pid, started_ticks: started };
}

export function isAlive(id: ProcessId): boolean {
  return identifyProcess(id.pid)?.started_ticks === id.started_ticks;
}

/** Sends `signal` to exactly this process; false when it has ended. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether the process ended within `limitMs`. */
export async function waitForEnd(id: ProcessId, limitMs: number): Promise<boolean> {
  const due = performance.now() + limitMs;
  while (isAlive(id)) {
    if (performance.now() > due) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Asks a process to end, and makes it after `graceMs`. A stopped process is woken, as it could not hear otherwise. */
export async function endProcess(id: ProcessId, graceMs: number): Promise<void> {
  signalProcess(id, 'SIGCONT');
  signalProcess(id, 'SIGTERM');
  if (await waitForEnd(id, graceMs)) return;
  signalProcess(id, 'SIGKILL');
  if (!(await waitForEnd(id, graceMs))) throw new Error(`Process ${id.pid} does not end, not even by SIGKILL.`);
}

/** Every process whose command line holds `text` as a part of one argument. */
export function findProcesses(text: string): ProcessId[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text)) return [];
    } catch {
      return [];
    }
    return identifyProcess(Number(name)) ?? [];
  });
}
