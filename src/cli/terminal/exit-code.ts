import { CommanderError } from 'commander';
import { NexusError } from '../../domain/errors.ts';

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Ends a command with an exit code of its own, once it has printed everything there is to say. */
export class CommandEnd extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`the command ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** The one place where a failure becomes an exit code. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommandEnd) return error.exitCode;
  // Commander throws for `--help` and `--version` as well, with exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  return error instanceof NexusError && error.code === 'usage' ? EXIT_USAGE : EXIT_FAILED;
}
