/** Decides whether an operator may pause, resume or abort a rollout, or drop a host from it. What follows from that is up to `decide-next`. */
import type { RolloutHost, RolloutPlan, RolloutStatus } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';
import { type Decision, refuse } from './decision.ts';
import { isExpected } from './host-bucket.ts';
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

/** Decides whether an operator may have the rollout expect nothing more of a host, whatever its agent is doing. */
export function decideDrop(plan: RolloutPlan, host: RolloutHost, reason: string): Decision {
  if (isExpected(plan, host)) return { ok: true, entries: [{ kind: 'host_dropped', host: host.name, reason }] };
  const why = host.left ? 'has left the rollout' : `is ${host.state}`;
  return refuse(`${quote(host.name)} ${why}, so nothing is expected of it that could be given up`);
}
