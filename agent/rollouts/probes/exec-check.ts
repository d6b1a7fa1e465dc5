import { messageOf } from '../../../src/domain/errors.ts';
import type { ProjectEngine } from '../../docker/project-engine.ts';
import { deployedContainers } from '../decide/read-project.ts';
import type { FailureReason } from './run-check.ts';

const MOST_OUTPUT_CHARS = 512;

/** The part of the engine that it needs. */
type Engine = Pick<ProjectEngine, 'containers' | 'createExec' | 'startExec' | 'inspectExec'>;

/**
 * Runs a command in the first running container of a service. The engine cannot end a command that hangs, so the next
 * attempt waits for it instead of starting another one beside it.
 */
export class ExecCheck {
  readonly #engine: Engine;
  readonly #stack: string;
  readonly #service: string;
  readonly #command: readonly string[];
  #hanging: string | null = null;

  constructor(engine: Engine, stack: string, service: string, command: readonly string[]) {
    this.#engine = engine;
    this.#stack = stack;
    this.#service = service;
    this.#command = command;
  }

  async run(timeoutMs: number): Promise<FailureReason> {
    const what = `the command in service ${this.#service}`;
    if (this.#hanging !== null) {
      if ((await this.#engine.inspectExec(this.#hanging)).isRunning)
        return `${what} is still running from an earlier attempt`;
      this.#hanging = null;
    }
    const containers = deployedContainers(await this.#engine.containers(this.#stack));
    const container = containers.find(({ service, state }) => service === this.#service && state === 'running');
    if (container === undefined) return `service ${this.#service} has no running container for the command`;
    const execId = await this.#engine.createExec(container.id, this.#command);
    try {
      const { exitCode, output } = await this.#engine.startExec(execId, timeoutMs);
      if (exitCode === 0) return null;
      const said = output.trim().slice(-MOST_OUTPUT_CHARS);
      return `${what} exits with ${exitCode}${said === '' ? '' : `: ${said}`}`;
    } catch (error) {
      if ((await this.#engine.inspectExec(execId)).isRunning) this.#hanging = execId;
      return this.#hanging === null
        ? `${what}: ${messageOf(error)}`
        : `${what} takes longer than ${timeoutMs / 1000} s`;
    }
  }
}
