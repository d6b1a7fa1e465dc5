/** Carries out the steps that change what runs. What each comes to is a value; nothing here decides anything. */
import { assertNever, messageOf, NexusError } from '../../src/domain/errors.ts';
import type { Activator, StepLimit, StepOutcome } from './activator.ts';
import type { Action } from './decide/action.ts';
import type { Plan } from './record/stack-record.ts';

export type StepAction = Extract<Action, { readonly do: 'prepare' | 'pull' | 'up' | 'down' }>;

export type StepResult =
  | { readonly ok: true; readonly plan: Plan | null }
  | { readonly ok: false; readonly exitCode: number; readonly output: string; readonly isFinal: boolean };

export interface StepRunnerOptions {
  readonly stack: string;
  readonly activator: Activator;
  /** Cuts off the step under way. */
  readonly signal: AbortSignal;
  /** The server refused the token while a release was fetched. */
  readonly onUnauthorized: () => void;
}

export class StepRunner {
  readonly #options: StepRunnerOptions;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /** Never throws: what the step stumbled over is its result. */
  async run(action: StepAction): Promise<StepResult> {
    const { activator, stack, signal, onUnauthorized } = this.#options;
    const limit = { limitMs: action.limitMs, signal };
    try {
      return action.do === 'prepare'
        ? { ok: true, plan: await activator.prepare(stack, action.release, limit) }
        : resultOf(await change(activator, stack, action, limit));
    } catch (error) {
      const code = error instanceof NexusError ? error.code : null;
      if (code === 'unauthorized') onUnauthorized();
      const exitCode = error instanceof NexusError ? error.details['exit_code'] : undefined;
      return {
        ok: false,
        exitCode: typeof exitCode === 'number' ? exitCode : -1,
        output: messageOf(error),
        isFinal: code === 'invalid',
      };
    }
  }
}

function change(
  activator: Activator,
  stack: string,
  action: Exclude<StepAction, { readonly do: 'prepare' }>,
  limit: StepLimit,
): Promise<StepOutcome> {
  switch (action.do) {
    case 'pull':
      return activator.pull(stack, action.release, action.onlyMissing, limit);
    case 'up':
      return activator.up(stack, action.release, action.afresh, limit);
    case 'down':
      return activator.down(stack, limit);
    default:
      return assertNever(action);
  }
}

function resultOf({ exitCode, output }: StepOutcome): StepResult {
  return exitCode === 0 ? { ok: true, plan: null } : { ok: false, exitCode, output, isFinal: false };
}
