import type { RolloutHost } from '../../domain/rollout.ts';
import type { Holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';

/** An agent that has refused an offer gets the next one after this time. */
const OFFER_AGAIN_MS = 60_000;

/**
 * An agent that refuses an offer would refuse the next one at once, too. Only one that is refused for its epoch is worth
 * another offer right away: the agent has told the epoch that it knows, and the next offer goes beyond it.
 */
export function checkRefused({ nowMs }: GateContext, { name: host, refusal }: RolloutHost): Holding | null {
  if (refusal === null || (refusal.reason === 'epoch' && refusal.count === 1)) return null;
  const againAtMs = refusal.atMs + OFFER_AGAIN_MS;
  if (nowMs >= againAtMs) return null;
  const hold = { gate: 'refused', host, detail: refusal.detail, againAtMs } as const;
  return { hold, wakeAtMs: againAtMs, waitsFor: null };
}
