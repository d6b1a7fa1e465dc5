import { plural } from '../../domain/words.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** Bounds how much of the fleet is in change at once. */
export function checkMaxInFlight({ rollout, inFlight }: GateContext): Holding | null {
  const { maxInFlight } = rollout.plan;
  if (inFlight < maxInFlight) return null;
  return hold('max_in_flight', `${plural(inFlight, 'host')} in flight, and max_in_flight is ${maxInFlight}`);
}
