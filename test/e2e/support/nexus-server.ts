/** `nexus serve` as a process of its own: launch, watched, stopped and killed by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import * as z from 'zod';
import { NexusClient } from '../../../src/client/nexus-client.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { HUNG_AFTER_MS, unlessHung, waitUntil } from '../../runtime/wait-until.ts';
import { afterwards } from './afterwards.ts';
import { type NexusCommand, nexusCommand } from './nexus-command.ts';

const READY_LINE = /^nexus listening on (https?:\/\/\S+)$/;

const logLineSchema = z.looseObject({
  level: z.string(),
  msg: z.string(),
  reason: z.string().optional(),
});
export type LogLine = z.infer<typeof logLineSchema>;

const readinessSchema = z.object({ ready: z.boolean(), reason: z.string().nullable() });

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServeOptions {
  readonly dataDir: string;
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: string;
  /** A command that runs the server as its child, e.g. strace with its flags. */
  readonly under?: readonly string[];
  /** Default: none. */
  readonly agentRateLimit?: number;
  /** Further flags, e.g. of retention. */
  readonly flags?: readonly string[];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A folder for one test, removed after it. */
export function scratchDirectory(test: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-e2e-'));
  afterwards(test, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The lines of a log file; throws on one that is not a log line, for everything on stderr is to be JSON. */
function readLog(file: string): LogLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => logLineSchema.parse(JSON.parse(line)));
}

export class NexusServer {
  readonly dataDir: string;
  readonly url: string;
  /** When the process was spawned, on the clock of `performance.now()`. */
  readonly spawnedAtMs: number;
  /** The spawned process: Nexus itself, or the command that it was started under. */
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;
  readonly #logFile: string;

  private constructor(options: ServeOptions, launch: Launch, url: string) {
    this.dataDir = options.dataDir;
    this.url = url;
    this.spawnedAtMs = launch.spawnedAtMs;
    this.#child = launch.child;
    this.#exited = launch.exited;
    this.#logFile = launch.logFile;
  }

  /** Resolves once the server has printed where it listens. Whatever becomes of the test, the process ends with it. */
  static async start(test: TestContext, options: ServeOptions): Promise<NexusServer> {
    const launch = launchServer(test, options);
    const line = await unlessHung(
      'the server to print where it listens',
      Promise.race([launch.firstLine, launch.exited]),
    );
    if (typeof line !== 'string') {
      throw new Error(`nexus serve ended (${JSON.stringify(line)}): ${readFileSync(launch.logFile, 'utf8')}`);
    }
    const url = READY_LINE.exec(line)?.[1];
    if (url === undefined) throw new Error(`nexus serve printed '${line}', not where it listens`);
    return new NexusServer(options, launch, url);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get socketPath(): string {
    return path.join(this.dataDir, 'nexus.sock');
  }

  isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log(): LogLine[] {
    return readLog(this.#logFile);
  }

  /** A line with this in its message or its reason. */
  waitForLog(pattern: RegExp): Promise<LogLine> {
    return waitUntil(`a log line like ${pattern}`, () =>
      this.log().find((line) => pattern.test(line.msg) || pattern.test(line.reason ?? '')),
    );
  }

  async readiness(): Promise<{ status: number; ready: boolean; reason: string | null }> {
    const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(HUNG_AFTER_MS) });
    return { status: answer.status, ...readinessSchema.parse(await answer.json()) };
  }

  /** Waits for `/readyz` 200; returns the milliseconds from the spawn to it. */
  async waitUntilReady(): Promise<number> {
    return await waitUntil('the server to be ready', async () => {
      const { status, reason } = await this.readiness();
      if (status !== 200) throw new Error(`/readyz answers ${status}: ${reason}`);
      return performance.now() - this.spawnedAtMs;
    });
  }

  /** Waits for `/readyz` 503; returns its reason. */
  waitUntilUnready(): Promise<string> {
    return waitUntil('the server to be unready', async () => {
      const { status, reason } = await this.readiness();
      return status === 503 && reason !== null && reason;
    });
  }

  async isAlive(): Promise<boolean> {
    const answer = await fetch(`${this.url}/healthz`, { signal: AbortSignal.timeout(HUNG_AFTER_MS) });
    await answer.arrayBuffer();
    return answer.status === 200;
  }

  /** A client of the operator API over the Unix socket, closed after the test. */
  operator(test: TestContext): NexusClient {
    const client = new NexusClient({ socketPath: this.socketPath }, { runtime: systemRuntime });
    afterwards(test, () => client.close());
    return client;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  waitForExit(): Promise<Exit> {
    return unlessHung(`process ${this.pid} to end`, this.#exited);
  }

  /** What a power cut is to the process; returns when the process is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.waitForExit();
  }

  /** Asks the server to end, as a supervisor would. */
  async stop(): Promise<Exit & { readonly tookMs: number }> {
    const askedAtMs = performance.now();
    this.signal('SIGTERM');
    const exit = await this.waitForExit();
    return { ...exit, tookMs: performance.now() - askedAtMs };
  }
}

/** A server that has been spawned and has not said yet where it listens. */
export interface Launch {
  readonly child: ChildProcess;
  readonly spawnedAtMs: number;
  readonly firstLine: Promise<string>;
  readonly exited: Promise<Exit>;
  readonly logFile: string;
}

/** Its log goes to a file: a test that is busy must never hold the server up. */
export function launchServer(test: TestContext, options: ServeOptions): Launch {
  const logFile = path.join(scratchDirectory(test), 'stderr');
  const descriptor = openSync(logFile, 'w');
  const { file, args } = commandLine(options);
  const spawnedAtMs = performance.now();
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', descriptor], env: {} });
  closeSync(descriptor);
  running.add(child);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  // A failure to spawn is reported by whoever waits for the exit; without a waiter it must not end the test run.
  exited.catch(() => running.delete(child));
  afterwards(test, async () => {
    if (!running.has(child)) return;
    child.kill('SIGKILL');
    await exited;
  });
  const firstLine = new Promise<string>((resolve) => {
    if (child.stdout !== null) createInterface(child.stdout).once('line', resolve);
  });
  return { child, spawnedAtMs, firstLine, exited, logFile };
}

function commandLine(options: ServeOptions): NexusCommand {
  const nexus = nexusCommand();
  const args = [
    ...nexus.args,
    'serve',
    ...['--data', options.dataDir],
    ...['--listen', options.listen ?? '127.0.0.1:0'],
    // Most tests of a network are about other things than TLS.
    ...['--tls', 'off'],
    ...['--agent-rate-limit', String(options.agentRateLimit ?? 0)],
    ...(options.flags ?? []),
  ];
  const [wrapper, ...wrapperArgs] = options.under ?? [];
  if (wrapper === undefined) return { file: nexus.file, args };
  return { file: wrapper, args: [...wrapperArgs, nexus.file, ...args] };
}

/** Runs `nexus serve` where it is to refuse; resolves with how it ended and what it said on stderr. */
export async function serveToItsEnd(test: TestContext, options: ServeOptions): Promise<Exit & { stderr: string }> {
  const launch = launchServer(test, options);
  const exit = await unlessHung(
    'nexus serve to refuse',
    Promise.race([launch.exited, launch.firstLine.then((line) => Promise.reject(new Error(`it served: ${line}`)))]),
  );
  return { ...exit, stderr: readFileSync(launch.logFile, 'utf8') };
}
