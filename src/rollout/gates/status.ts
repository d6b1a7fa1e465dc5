import { assertNever } from '../../domain/errors.ts';
import { formatInstant } from '../../domain/instant.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** Only an active rollout dispatches. */
export function checkStatus({ rollout }: GateContext): Holding | null {
  const { status, statusSinceMs, reason } = rollout.progress;
  const since = `since ${formatInstant(statusSinceMs)}`;
  switch (status) {
    case 'active':
      return null;
    case 'paused':
      return hold('paused', `the rollout is paused ${since}: resume it to go on`);
    case 'halted':
    case 'aborted':
    case 'superseded':
      return hold('ended', `the rollout is ${status} ${since}: ${reason}`);
    case 'converged':
      return hold('ended', `the rollout is converged ${since}`);
    default:
      return assertNever(status);
  }
}
