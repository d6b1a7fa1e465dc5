/**
 * Carries out the steps that change what runs. What each comes to is a value, with the trouble of this host or of a
 * registry that it ran into; nothing here decides anything.
 */
import { assertNever, messageOf, NexusError } from '../../src/domain/errors.ts';
import type { Activator, PullOptions, StepLimit, StepOutcome } from './activator.ts';
import type { Action } from './decide/action.ts';
import { classifyPull, classifyUp, type Trouble } from './decide/classify-trouble.ts';
import type { Plan } from './record/stack-record.ts';
import { troubleOfError } from './trouble-of-error.ts';

export type StepAction = Extract<Action, { readonly do: 'prepare' | 'pull' | 'check' | 'up' | 'down' }>;

export type StepResult =
  | { readonly ok: true; readonly plan: Plan | null }
  | {
      readonly ok: false;
      readonly exitCode: number;
      readonly output: string;
      readonly isFinal: boolean;
      /** Null: the release is at fault. */
      readonly trouble: Trouble | null;
    };

/** Which bytes a pull is to bring, beside what the release's names stand for. */
export type WantedImages = Omit<PullOptions, 'onlyMissing'>;

const UNKNOWN_IMAGES: WantedImages = { canary: null, ran: null };

/** What a shell says of a program that cannot be started, and of one that is not there. */
const NOT_STARTED: readonly number[] = [126, 127];

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
  async run(action: StepAction, images: WantedImages = UNKNOWN_IMAGES): Promise<StepResult> {
    const { activator, stack, signal, onUnauthorized } = this.#options;
    const limit = { limitMs: action.limitMs, signal };
    try {
      return await carryOut(activator, stack, action, images, limit);
    } catch (error) {
      const code = error instanceof NexusError ? error.code : null;
      if (code === 'unauthorized') onUnauthorized();
      const exitCode = error instanceof NexusError ? error.details['exit_code'] : undefined;
      return {
        ok: false,
        exitCode: typeof exitCode === 'number' ? exitCode : -1,
        output: messageOf(error),
        isFinal: code === 'invalid',
        trouble: troubleOfError(error),
      };
    }
  }
}

async function carryOut(
  activator: Activator,
  stack: string,
  action: StepAction,
  images: WantedImages,
  limit: StepLimit,
): Promise<StepResult> {
  switch (action.do) {
    case 'prepare':
      return { ok: true, plan: await activator.prepare(stack, action.release, limit) };
    case 'check': {
      const trouble = await activator.findObstacle(stack, action.release, limit);
      if (trouble === null) return { ok: true, plan: null };
      return { ok: false, exitCode: -1, output: trouble.reason, isFinal: false, trouble };
    }
    case 'pull': {
      const outcome = await activator.pull(
        stack,
        action.release,
        { ...images, onlyMissing: action.onlyMissing },
        limit,
      );
      return resultOf(outcome, pullTrouble);
    }
    case 'up': {
      const { release, afresh, renew, except } = action;
      const outcome = await activator.up(stack, release, { afresh, renew, except }, limit);
      if (outcome.exitCode === 0) return { ok: true, plan: null };
      // Facts before words: what is in the way now was most likely in the way then.
      const fact = await activator.findObstacle(stack, release, limit).catch(() => undefined);
      return resultOf(outcome, (failure) => {
        if (fact === null && isOwnName(failure)) return null;
        return fact ?? upTrouble(failure);
      });
    }
    case 'down':
      return resultOf(await activator.down(stack, limit), upTrouble);
    default:
      return assertNever(action);
  }
}

function resultOf({ exitCode, output }: StepOutcome, classify: (failure: StepOutcome) => Trouble | null): StepResult {
  if (exitCode === 0) return { ok: true, plan: null };
  return { ok: false, exitCode, output, isFinal: false, trouble: classify({ exitCode, output }) };
}

/** Of a container name that is taken, while no container of anybody else has a name of this release: by its own project. */
function isOwnName({ output }: StepOutcome): boolean {
  return /container name "\S+" is already in use/i.test(output);
}

function pullTrouble({ exitCode, output }: StepOutcome): Trouble | null {
  if (NOT_STARTED.includes(exitCode)) return { class: 'compose', reason: output };
  // A pull that did not come to its own end was waiting for a registry.
  if (exitCode < 0) return { class: 'registry', reason: output };
  return classifyPull(output);
}

function upTrouble({ exitCode, output }: StepOutcome): Trouble | null {
  return NOT_STARTED.includes(exitCode) ? { class: 'compose', reason: output } : classifyUp(output);
}
