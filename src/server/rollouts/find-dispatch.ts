/** Finds what the agent of a host is to do. */
import type { AgentRollout, Dispatch } from '../../domain/dispatch.ts';
import { type RolloutHost, soakSecondsOf } from '../../domain/rollout.ts';
import { isOffered } from '../../rollout/host-bucket.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';

/** The open offer, or what the server judges of a release that the host is to fail. Null: nothing to do. */
export function findDispatch(index: RolloutIndex, name: string): Dispatch | null {
  const rollouts = index.rolloutsOfHost(name);
  // Offers first: a verdict is told again and again until the agent has acted on it.
  for (const find of [offerOf, verdictOf]) {
    for (const rollout of rollouts) {
      const dispatch = find(rollout, name);
      if (dispatch !== null) return dispatch;
    }
  }
  return null;
}

function offerOf(rollout: Rollout, name: string): Dispatch | null {
  const host = rollout.host(name);
  return host !== undefined && isOffered(host) ? dispatchOf(rollout, host, null) : null;
}

function verdictOf(rollout: Rollout, name: string): Dispatch | null {
  const host = rollout.host(name);
  if (host === undefined || host.left) return null;
  if (host.state === 'soaking' && host.telemetry?.status === 'regressed') {
    return dispatchOf(rollout, host, host.telemetry.reason);
  }
  // A lost host may not know yet that it has failed.
  const isLost = host.state === 'failed' && host.lost !== null;
  return isLost ? dispatchOf(rollout, host, host.failure?.output ?? '') : null;
}

function dispatchOf(rollout: Rollout, host: RolloutHost, regressed: string | null): Dispatch | null {
  if (host.epoch === null) return null;
  const { id: rolloutId, stack, release } = rollout.plan;
  const soakSeconds = soakSecondsOf(rollout.plan, host.wave);
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
