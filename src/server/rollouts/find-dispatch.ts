/** Finds what the agent of a host is to do. */
import type { AgentRollout, Dispatch } from '../../domain/dispatch.ts';
import { soakSecondsOf } from '../../domain/rollout.ts';
import { isOffered } from '../../rollout/host-bucket.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';

/** The open offer, or the verdict that the soaking release has regressed and is to be failed. Null: nothing to do. */
export function findDispatch(index: RolloutIndex, name: string): Dispatch | null {
  for (const rollout of index.rolloutsOfHost(name)) {
    const dispatch = dispatchOf(rollout, name);
    if (dispatch !== null) return dispatch;
  }
  return null;
}

function dispatchOf(rollout: Rollout, name: string): Dispatch | null {
  const host = rollout.host(name);
  if (host === undefined || host.left || host.epoch === null) return null;
  const hasRegressed = host.state === 'soaking' && host.telemetry?.status === 'regressed';
  if (!isOffered(host) && !hasRegressed) return null;
  const { id: rolloutId, stack, release } = rollout.plan;
  const soakSeconds = soakSecondsOf(rollout.plan, host.wave);
  const regressed = hasRegressed ? (host.telemetry?.reason ?? null) : null;
  const { images } = rollout.progress;
  const { epoch, lastSeq: lastEventSeq } = host;
  return { rolloutId, stack, release, soakSeconds, epoch, regressed, lastEventSeq, images };
}

/** The host's part in every rollout that was dispatched to it and expects something from it. */
export function findParts(index: RolloutIndex, name: string): AgentRollout[] {
  return index.expecting(name).flatMap((rollout) => {
    const host = rollout.host(name);
    return host === undefined ? [] : [{ plan: rollout.plan, host }];
  });
}
