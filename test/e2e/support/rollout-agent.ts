/** `nexus agent --rollouts` as a process of its own, on a state directory that outlives it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Engine, installLab, onHost } from '../../../scripts/lab/engine.ts';
import { FAKE_TOKEN } from '../../agent/rollouts/fake-server.ts';
import { afterwards } from './afterwards.ts';
import { nexusCommand } from './nexus-command.ts';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface RolloutAgentOptions {
  /** Comes before what the agent is given otherwise. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whose network it lives on: its engine's, as on a host of its own, or this machine's (default). */
  readonly network?: 'engine' | 'machine';
  /** Without `--rollouts`: it only reads Docker. */
  readonly isReadOnly?: boolean;
}

export class RolloutAgent {
  readonly stateDir: string;
  readonly #engine: Engine;
  readonly #url: URL;
  readonly #options: RolloutAgentOptions;
  #child: ChildProcess | null = null;
  #log = '';

  private constructor(engine: Engine, url: URL, options: RolloutAgentOptions) {
    this.stateDir = mkdtempSync(join(tmpdir(), 'nexus-rollouts-'));
    this.#engine = engine;
    this.#url = url;
    this.#options = options;
  }

  /** Starts one for the test; whatever becomes of the test, it ends with it. */
  static async start(
    test: Pick<TestContext, 'after'>,
    engine: Engine,
    url: URL,
    options: RolloutAgentOptions = {},
  ): Promise<RolloutAgent> {
    const agent = new RolloutAgent(engine, url, options);
    afterwards(test, async () => {
      await agent.stop();
      rmSync(agent.stateDir, { recursive: true, force: true });
    });
    await agent.start();
    return agent;
  }

  /** Everything it has logged, over all its lives. */
  get log(): string {
    return this.#log;
  }

  async start(): Promise<void> {
    const { env } = await installLab();
    const nexus = nexusCommand();
    const args = [...nexus.args, 'agent', ...(this.#options.isReadOnly === true ? [] : ['--rollouts'])];
    const [command, commandArgs] =
      this.#options.network === 'engine' ? onHost(this.#engine, nexus.file, args) : [nexus.file, args];
    const child = spawn(command, commandArgs, {
      env: {
        PATH: env['PATH'],
        DOCKER_CONFIG: env['DOCKER_CONFIG'],
        NEXUS_URL: this.#url.href,
        NEXUS_AGENT_TOKEN: FAKE_TOKEN,
        NEXUS_AGENT_DOCKER_HOST: this.#engine.dockerHost,
        NEXUS_AGENT_STATE_DIR: this.stateDir,
        ...this.#options.env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (piece: Buffer) => {
      this.#log += piece.toString();
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    await once(child, 'spawn');
    this.#child = child;
  }

  /** What a power cut is to the process. What it has started lives on. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Asks it to end. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Takes its disk away; only while it does not run. */
  wipe(): void {
    rmSync(this.stateDir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}
