import { formatInstant } from '../../domain/instant.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** A gate of its own, before the others: it names the rollout that an operator has to look at instead. */
export function checkSuperseded({ rollout }: GateContext): Holding | null {
  const { status, statusSinceMs, reason } = rollout.progress;
  if (status !== 'superseded') return null;
  return hold('superseded', `the rollout is ${reason} since ${formatInstant(statusSinceMs)}`);
}
