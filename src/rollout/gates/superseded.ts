import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';

/** A separate gate before `checkStatus`, because it names the rollout that an operator has to look at instead. */
export function checkSuperseded({ rollout }: GateContext): Hold | null {
  const { status, statusSinceMs: sinceMs, reason } = rollout.progress;
  return status === 'superseded' ? { gate: 'superseded', reason, sinceMs } : null;
}
