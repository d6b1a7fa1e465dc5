/** What an operator may ask of a rollout, and in which status. What follows from it is decided by `decide-next`. */
import type { RolloutStatus } from '../domain/rollout.ts';
import { type Decision, refuse } from './decision.ts';
import type { LaterEntry } from './rollout-state.ts';
import { isTakenIn } from './transitions.ts';

export type RolloutCommand = 'pause' | 'resume' | 'abort';

const PAST = { pause: 'paused', resume: 'resumed', abort: 'aborted' } as const satisfies Record<RolloutCommand, string>;

/** `reason` is kept with an abort, for whoever reads of it later. */
export function decideCommand(status: RolloutStatus, command: RolloutCommand, reason: string): Decision {
  const entry = {
    pause: { kind: 'rollout_paused' },
    resume: { kind: 'rollout_resumed' },
    abort: { kind: 'rollout_aborted', reason },
  } as const satisfies Record<RolloutCommand, LaterEntry>;
  const wanted = entry[command];
  if (isTakenIn(status, wanted.kind)) return { ok: true, entries: [wanted] };
  return refuse(`the rollout is ${status}: it cannot be ${PAST[command]}`);
}
