/** A server in a process of its own: started, measured from outside, and stopped by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

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

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ChildServer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, ended: Promise<void>, url: string) {
    this.#child = child;
    this.#ended = ended;
    this.url = url;
  }

  /** Runs node with `args` until it has printed a line that ends with the URL it listens on; its log goes to `logFile`. */
  static async start(args: readonly string[], logFile: string): Promise<ChildServer> {
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    running.add(child);
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        running.delete(child);
        resolve();
      });
    });
    const late = AbortSignal.timeout(START_LIMIT_MS);
    let listening = false;
    const line = new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).once('line', (text) => {
        listening = true;
        resolve(text);
      });
      const fail = (why: string) => {
        if (!listening) reject(new Error(`${args.join(' ')}: ${why}\n${readFileSync(logFile, 'utf8')}`));
      };
      void ended.then(() => fail('ended before it listened'));
      late.addEventListener('abort', () => fail(`did not listen within ${START_LIMIT_MS / 1000} s`));
    });
    const url = (await line).split(' ').at(-1) ?? '';
    return new ChildServer(child, ended, url);
  }

  /** Reads /proc, so on Linux only. */
  figures(): ProcessFigures {
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
