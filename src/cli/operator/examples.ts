import type { Command } from 'commander';

/** An example and what it is good for. */
export type Example = readonly [commandLine: string, purpose: string];

/** Ends the help of `command` with examples: most readers look for those first. */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.flatMap(([commandLine, purpose]) => [`  # ${purpose}`, `  ${commandLine}`]);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
