import { Argument } from 'commander';
import { completedBy } from './completion-source.ts';

/** Which release a command is about. */
export function releaseArgument(source: 'release' | 'quarantined-release' = 'release'): Argument {
  const forms = 'its digest, at least 6 of its first digits, or STACK@VERSION';
  return completedBy(source, new Argument('<release>', forms));
}
