import { NexusError } from '../../../src/domain/errors.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import type { Environment } from '../../settings.ts';
import { objectToComposeVersion, versionCommand } from './command.ts';
import { type CommandResult, runCommand } from './run-command.ts';

const VERSION_LIMIT_MS = 20_000;

/** Runs the Docker CLI against one engine. */
export class ComposeRunner {
  readonly #program: string;
  readonly #env: Environment;
  readonly #signal: AbortSignal;
  readonly #runtime: Pick<Runtime, 'setTimer'>;

  /** `program`: `docker`, or the path of one. */
  constructor(program: string, env: Environment, signal: AbortSignal, runtime: Pick<Runtime, 'setTimer'>) {
    this.#program = program;
    this.#env = env;
    this.#signal = signal;
    this.#runtime = runtime;
  }

  /** Runs one command in `folder`, which is there, to its end; its result is a value, whatever it is. */
  run(args: readonly string[], folder: string, limitMs: number): Promise<CommandResult> {
    return runCommand(this.#program, args, {
      cwd: folder,
      env: this.#env,
      limitMs,
      signal: this.#signal,
      runtime: this.#runtime,
    });
  }

  /** Throws `invalid` with a sentence when there is no Compose that can be used. */
  async requireCompose(folder: string): Promise<void> {
    const { exitCode, stdout, errorTail } = await this.run(versionCommand(), folder, VERSION_LIMIT_MS);
    if (exitCode !== 0) {
      throw new NexusError(
        'invalid',
        `Docker Compose cannot be used on this host: ${errorTail === '' ? `'docker compose version' ends with ${exitCode}` : errorTail}. Install the Compose plugin (v2) of the Docker CLI`,
        { details: { exit_code: exitCode } },
      );
    }
    const objection = objectToComposeVersion(stdout);
    if (objection !== null) throw new NexusError('invalid', objection);
  }
}
