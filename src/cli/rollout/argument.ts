import { Argument } from 'commander';
import { completedBy } from '../operator/completion-source.ts';

/** Which rollout a command is about. */
export function rolloutArgument(): Argument {
  return completedBy('rollout', new Argument('<id>', "its id, the beginning of one, or 'latest'"));
}
