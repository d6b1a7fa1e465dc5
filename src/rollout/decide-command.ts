/** What an operator may ask of a rollout, and in which status. What follows from it is for `plan` to decide. */
import type { RolloutStatus } from '../domain/rollout.ts';
import { isLegalIn, type LaterEntry } from './evolve.ts';

export type RolloutCommand = 'pause' | 'resume' | 'abort';

export type Commanded =
  | { readonly ok: true; readonly entry: LaterEntry }
  | { readonly ok: false; readonly refusal: string };

/** `reason` is kept with an abort, for whoever reads of it later. */
export function commandRollout(status: RolloutStatus, command: RolloutCommand, reason: string): Commanded {
  const entry = {
    pause: { kind: 'rollout_paused' },
    resume: { kind: 'rollout_resumed' },
    abort: { kind: 'rollout_aborted', reason },
  } as const satisfies Record<RolloutCommand, LaterEntry>;
  const wanted = entry[command];
  if (isLegalIn(status, wanted.kind)) return { ok: true, entry: wanted };
  return { ok: false, refusal: `the rollout is ${status}: it cannot be ${PAST[command]}` };
}

const PAST = { pause: 'paused', resume: 'resumed', abort: 'aborted' } as const satisfies Record<RolloutCommand, string>;
