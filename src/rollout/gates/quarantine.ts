import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';

/** A quarantined release is not dispatched until an operator lifts the quarantine. */
export function checkQuarantine({ rollout, fleet }: GateContext): Hold | null {
  const { stack, release } = rollout.plan;
  const quarantine = fleet.quarantine(stack, release);
  if (quarantine === null) return null;
  const { host, failingProbes, sinceMs, rolloutId } = quarantine;
  return { gate: 'quarantine', stack, release, sinceMs, host, rolloutId, failingProbes };
}
