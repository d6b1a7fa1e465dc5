/** The one entry point for commands: which lookups a command needs, and what it does to the state in memory. */
import type { Command, Outcomes } from '../../domain/command.ts';
import { assertNever, NexusError } from '../../domain/errors.ts';
import type { Lookup } from '../../domain/lookups.ts';
import type { Write } from '../../domain/writes.ts';
import type { Effect } from '../state/changes.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { removeBudget, setBudget } from './budgets.ts';
import { noteClockStep } from './clock-step.ts';
import { addHost, archiveHost, updateHost } from './hosts.ts';
import { addRelease, liftQuarantine, removeRelease } from './releases.ts';
import { reportDamage } from './report-damage.ts';
import { lookupsOfEvent, reportEvent } from './report-event.ts';
import { backFill, lookupsOfBackFill, lookupsOfTick, reportTick } from './report-tick.ts';
import { createRollout, lookupsOfSteering, steerRollout } from './rollouts.ts';
import { lookupsOfSweep, sweep } from './sweep.ts';
import { createAdminToken, createAgentToken, revokeToken, rotateToken } from './tokens.ts';
import { lookupsOfUndo, undoStack } from './undo-stack.ts';

/** The answer to a command. It may leave only after the command's writes are committed. */
export type CommandAnswer =
  | { readonly ok: true; readonly outcome: Outcomes[Command['kind']] }
  | { readonly ok: false; readonly refusal: NexusError };

export interface Changed {
  readonly writes: readonly Write[];
  /** Carried out after the writes are committed. */
  readonly effects: readonly Effect[];
}

export interface Handled extends Changed {
  readonly answer: CommandAnswer;
}

const NOTHING: readonly Lookup[] = [];

/**
 * The lookups that a command needs before it can be handled. A lookup that is found may lead to more, so this is called
 * again until everything it returns is in `found`. Changes nothing, and is cheap for a command that memory can answer.
 */
export function lookups(state: State, command: Command, found: LookupCache): readonly Lookup[] {
  switch (command.kind) {
    case 'report_tick':
      return lookupsOfTick(state, command);
    case 'back_fill':
      return lookupsOfBackFill(state, command);
    case 'report_event':
      return lookupsOfEvent(state, command, found);
    case 'undo_stack':
      return lookupsOfUndo(state, command);
    case 'steer_rollout':
      return lookupsOfSteering(state, command);
    case 'sweep':
      return lookupsOfSweep(state, command, found);
    default:
      return NOTHING;
  }
}

/**
 * Decides one command and changes the state accordingly. `found` must hold everything that {@link lookups} returns. A
 * refusal is an answer. Throws only for damaged data and for defects; the state must be discarded then.
 */
export function handle(state: State, command: Command, found: LookupCache): Handled {
  state.changes.begin(found);
  const answer = answerTo(state, command, found);
  const { writes, effects } = state.changes.take();
  return { answer, writes, effects };
}

/** Advances rollouts and judges soaks without any command, as far as one commit allows. */
export function advance(state: State, nowMs: number, found: LookupCache): Changed {
  state.changes.begin(found);
  state.judge.judgeNext(nowMs, found);
  state.driver.advance(nowMs);
  return state.changes.take();
}

function answerTo(state: State, command: Command, found: LookupCache): CommandAnswer {
  try {
    return { ok: true, outcome: outcomeOf(state, command, found) };
  } catch (error) {
    if (!(error instanceof NexusError) || error.code === 'store_unavailable') throw error;
    return { ok: false, refusal: error };
  }
}

function outcomeOf(state: State, command: Command, found: LookupCache): Outcomes[Command['kind']] {
  switch (command.kind) {
    case 'report_tick':
      return reportTick(state, command, found);
    case 'back_fill':
      return backFill(state, command, found);
    case 'report_event':
      return reportEvent(state, command, found);
    case 'add_host':
      return addHost(state, command);
    case 'update_host':
      return updateHost(state, command);
    case 'archive_host':
      return archiveHost(state, command);
    case 'create_agent_token':
      return createAgentToken(state, command);
    case 'create_admin_token':
      return createAdminToken(state, command);
    case 'rotate_token':
      return rotateToken(state, command);
    case 'revoke_token':
      return revokeToken(state, command);
    case 'add_release':
      return addRelease(state, command);
    case 'remove_release':
      return removeRelease(state, command);
    case 'lift_quarantine':
      return liftQuarantine(state, command);
    case 'set_budget':
      return setBudget(state, command);
    case 'remove_budget':
      return removeBudget(state, command);
    case 'create_rollout':
      return createRollout(state, command);
    case 'steer_rollout':
      return steerRollout(state, command, found);
    case 'note_clock_step':
      return noteClockStep(state, command);
    case 'undo_stack':
      return undoStack(state, command, found);
    case 'report_damage':
      return reportDamage(state, command);
    case 'sweep':
      return sweep(state, command);
    default:
      return assertNever(command);
  }
}
