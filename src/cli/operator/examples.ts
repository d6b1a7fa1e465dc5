import type { Command } from 'commander';

/** A command line and what it does. */
export type Example = readonly [commandLine: string, purpose: string];

/** Ends the help of `command` with examples, for which most readers look first. */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.flatMap(([commandLine, purpose]) => [`  # ${purpose}`, `  ${commandLine}`]);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
