import { spawn } from 'node:child_process';
import type { Runtime, Timer } from '../../../src/domain/runtime.ts';
import type { Environment } from '../../settings.ts';

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** The command is ended after this long, with everything it has started. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly runtime: Pick<Runtime, 'setTimer'>;
}

export interface CommandResult {
  /** -1 when it was ended; as a shell has it, 127 when the program is not there and 126 when it cannot be started. */
  readonly exitCode: number;
  readonly stdout: string;
  /** The end of its stderr, and why it was ended or not started. */
  readonly errorTail: string;
}

const MAX_STDOUT_BYTES = 16 * 1_048_576;
const TAIL_BYTES = 16_384;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 5_000;

/** Keeps the last bytes of a stream. */
class Tail {
  #pieces: Buffer[] = [];
  #bytes = 0;

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    while (this.#bytes - (this.#pieces[0]?.length ?? 0) >= TAIL_BYTES) {
      this.#bytes -= this.#pieces.shift()?.length ?? 0;
    }
  }

  toString(): string {
    return Buffer.concat(this.#pieces).subarray(-TAIL_BYTES).toString('utf8').trim();
  }
}

/** Signals a whole process group; returns false when nothing is left of it. */
function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

/**
 * Runs a program in its own process group, without a shell and without input. Never throws: a program that cannot be
 * started is a result too.
 */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { cwd, env, limitMs, signal, runtime } = options;
  return new Promise((resolve) => {
    if (signal.aborted)
      return resolve({ exitCode: -1, stdout: '', errorTail: 'it was not started because the agent stops' });
    const child = spawn(file, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const stdout: Buffer[] = [];
    let stdoutBytes = 0;
    const tail = new Tail();
    let ended: string | null = null;
    let force: Timer | null = null;

    const end = (why: string): void => {
      if (ended !== null || child.pid === undefined) return;
      ended = why;
      const { pid } = child;
      signalGroup(pid, 'SIGTERM');
      force = runtime.setTimer(GRACE_MS, () => signalGroup(pid, 'SIGKILL'));
    };
    const onAbort = (): void => end('it was cut off because the agent stops');
    const limit = runtime.setTimer(limitMs, () => end(`it was ended after ${Math.round(limitMs / 1000)} s`));
    signal.addEventListener('abort', onAbort);
    const finish = (exitCode: number, words: string): void => {
      limit.cancel();
      force?.cancel();
      signal.removeEventListener('abort', onAbort);
      const errorTail = [tail.toString(), words].filter((part) => part !== '').join('\n');
      resolve({ exitCode, stdout: Buffer.concat(stdout).toString('utf8'), errorTail });
    };

    child.stdout.on('data', (piece: Buffer) => {
      stdoutBytes += piece.length;
      if (stdoutBytes > MAX_STDOUT_BYTES) end('it printed more than 16 MiB');
      else stdout.push(piece);
    });
    child.stderr.on('data', (piece: Buffer) => tail.push(piece));
    child.once('error', (error) => {
      if (child.pid === undefined) finish(isMissing(error) ? 127 : 126, explainStart(file, error));
    });
    child.once('close', (code, killedBy) => {
      // Processes that the leader has started may outlive it, and would interfere with the next command.
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      if (ended !== null) finish(-1, ended);
      else if (code === null) finish(-1, `it was killed by ${killedBy}`);
      else finish(code, '');
    });
  });
}

function isMissing(error: Error): boolean {
  return 'code' in error && error.code === 'ENOENT';
}

function explainStart(file: string, error: Error): string {
  if (isMissing(error)) {
    return `the program ${file} is not found: install the Docker CLI with its Compose plugin on this host, or say where it is with NEXUS_AGENT_DOCKER_CLI`;
  }
  return `the program ${file} cannot be started: ${error.message}`;
}
