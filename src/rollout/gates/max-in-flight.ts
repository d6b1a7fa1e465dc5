import { plural } from '../sentences.ts';
import { type Holding, hold, type Scene } from './gate.ts';

/** Bounds how much of the fleet is in change at once. */
export function checkMaxInFlight({ rollout, inFlight }: Scene): Holding | null {
  const { maxInFlight } = rollout.plan;
  if (inFlight < maxInFlight) return null;
  return hold('max_in_flight', `${plural(inFlight, 'host')} in flight, and max_in_flight is ${maxInFlight}`);
}
