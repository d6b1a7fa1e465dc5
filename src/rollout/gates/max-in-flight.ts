import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';

/** Limits how many hosts change at once. */
export function checkMaxInFlight({ rollout, inFlight }: GateContext): Hold | null {
  const { maxInFlight } = rollout.plan;
  return inFlight < maxInFlight ? null : { gate: 'max_in_flight', inFlight, maxInFlight };
}
