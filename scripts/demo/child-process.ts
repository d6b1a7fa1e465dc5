import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const STOP_LIMIT_MS = 5_000;
const TAIL_LINES = 12;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A child that runs along, its log in a file, so that nothing mixes with the demo's own output. */
export class BackgroundChild {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(name: string, command: string, args: readonly string[], options: { env: Environment; logPath: string }) {
    this.name = name;
    this.#logPath = options.logPath;
    const log = openSync(options.logPath, 'a');
    this.#child = spawn(command, args, { env: { ...options.env }, stdio: ['ignore', 'pipe', log] });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Resolves with the first line on stdout; rejects when the child ends or `limitMs` pass before it. */
  async firstLine(limitMs: number): Promise<string> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${this.name} has no output to read.`);
    stdout.setEncoding('utf8');
    const line = new Promise<string>((resolve) => {
      let text = '';
      stdout.on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
      });
    });
    const late = AbortSignal.timeout(limitMs);
    const failed = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error(`${this.name} was not ready in ${limitMs / 1000} s.`)));
      void this.#ended.then(() => reject(this.#endError()));
    });
    return Promise.race([line, failed]);
  }

  /** Throws with the end of its log when the child is gone though nobody stopped it. */
  assertRunning(): void {
    const gone = this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
    if (gone && !this.#stopping) throw this.#endError();
  }

  #endError(): Error {
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode ?? 'unknown'}`;
    const tail = readFileSync(this.#logPath, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    return new Error(`${this.name} ended early (${how}). The end of its log:\n${tail}`);
  }

  /** Asks it to stop, and ends it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.pid === undefined) return;
    this.#child.kill('SIGTERM');
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#ended;
    clearTimeout(deadline);
  }

  /** For the moment of the demo's own sudden end, when nothing can be waited for. */
  kill(): void {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
  }
}

const run = promisify(execFile);

/** Runs a command to its end and returns its stdout; throws with its stderr. */
export async function outputOf(command: string, args: readonly string[], env: Environment): Promise<string> {
  try {
    const { stdout } = await run(command, args, { env: { ...env }, maxBuffer: 64 * 1024 * 1024, timeout: 30_000 });
    return stdout;
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new Error(`'${args.join(' ')}' failed: ${said}`, { cause: error });
  }
}
