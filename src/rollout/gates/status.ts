import { assertNever } from '../../domain/errors.ts';
import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';

/** Only an active rollout dispatches. */
export function checkStatus({ rollout }: GateContext): Hold | null {
  const { status, statusSinceMs: sinceMs, reason } = rollout.progress;
  switch (status) {
    case 'active':
      return null;
    case 'paused':
      return { gate: 'paused', sinceMs };
    case 'halted':
    case 'aborted':
    case 'superseded':
    case 'converged':
      return { gate: 'ended', status, reason, sinceMs };
    default:
      return assertNever(status);
  }
}
