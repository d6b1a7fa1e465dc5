/** Decides whether an operator may pause, resume or abort a rollout. What follows from that is up to `decide-next`. */
import type { RolloutStatus } from '../domain/rollout.ts';
import { type Decision, refuse } from './decision.ts';
import type { LaterEntry } from './rollout-state.ts';
import { isTakenIn } from './transitions.ts';

export type RolloutCommand = 'pause' | 'resume' | 'abort';

const PAST = { pause: 'paused', resume: 'resumed', abort: 'aborted' } as const satisfies Record<RolloutCommand, string>;

/** `reason` is kept with an abort and shown wherever the rollout is. */
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
