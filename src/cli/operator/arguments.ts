/** The arguments and options that several commands share. */
import { Argument, type Option } from 'commander';
import { completedBy } from './completion-source.ts';
import { option } from './option.ts';

export function hostArgument(): Argument {
  return completedBy('host', new Argument('<name>', 'name of the host'));
}

export function hostOption(description: string): Option {
  return option('--host <name>', description, { completion: 'host' });
}

export function releaseArgument(source: 'release' | 'quarantined-release' = 'release'): Argument {
  const forms = 'the digest, at least its first 6 digits, or STACK@VERSION';
  return completedBy(source, new Argument('<release>', forms));
}

export function stackArgument(): Argument {
  return completedBy('stack', new Argument('<stack>', 'name of the stack'));
}

export function rolloutArgument(): Argument {
  return completedBy('rollout', new Argument('<id>', "id of the rollout, the beginning of one, or 'latest'"));
}

export function tokenArgument(): Argument {
  return new Argument('<id>', "id of the token, as 'nexus token list' shows it");
}

/** The data directory for commands that open it themselves, beside a running server or without one. */
export function dataOption(description = 'data directory of the server'): Option {
  return option('--data <dir>', description, { env: 'NEXUS_DATA', completion: 'directory' });
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
