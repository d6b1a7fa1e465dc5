/** A server in a process of its own: started, measured from outside, and stopped by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 15_000;
/** Clock ticks per second in /proc/PID/stat, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface ProcessFigures {
  readonly rssMb: number;
  /** The most that it ever was. */
  readonly peakRssMb: number;
  /** Of all threads, user and system. */
  readonly cpuSeconds: number;
}

/** From its first line: the last word. */
async function firstUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('its output is a pipe');
  for await (const line of createInterface({ input: child.stdout })) return line.split(' ').at(-1) ?? '';
  return new Promise(() => {});
}

async function endOf(ended: Promise<void>, logFile: string): Promise<never> {
  await ended;
  throw new Error(`the server ended before it listened:\n${readFileSync(logFile, 'utf8')}`);
}

async function lateness(): Promise<never> {
  await sleep(START_LIMIT_MS, undefined, { ref: false });
  throw new Error(`the server did not listen within ${START_LIMIT_MS / 1000} s`);
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

export class ChildServer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, ended: Promise<void>, url: string) {
    this.#child = child;
    this.#ended = ended;
    this.url = url;
  }

  /**
   * Resolves when `listening` has found the URL: by default when the command has printed a line that ends with it. Its
   * log goes to `logFile`.
   */
  static async start(
    command: string,
    args: readonly string[],
    logFile: string,
    listening: (child: ChildProcess) => Promise<string> = firstUrl,
  ): Promise<ChildServer> {
    const log = openSync(logFile, 'a');
    const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    running.add(child);
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        running.delete(child);
        resolve();
      });
    });
    const url = await Promise.race([listening(child), endOf(ended, logFile), lateness()]);
    return new ChildServer(child, ended, url);
  }

  /** Reads /proc, so on Linux only. */
  figures(): ProcessFigures {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`the server has ended: ${signalCode ?? exitCode}`);
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The second field, the name, may hold spaces: what follows it begins with the third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return {
      rssMb: megabytes('VmRSS'),
      peakRssMb: megabytes('VmHWM'),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  }

  /** Asks it to end, and kills it when it does not. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(deadline);
  }
}
