import { createProgram } from './program.ts';
import { runProgram, settle } from './run-program.ts';
import type { Terminal } from './terminal/terminal.ts';

/** The completion scripts call this. It is not a command, so that it appears neither in help nor in completions. */
const COMPLETE = '__complete';

/**
 * Runs one command line and resolves with its exit code; never rejects. `args` are the words after the program's name.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  if (args[0] !== COMPLETE) return runProgram(program, args, terminal);
  return settle(terminal, async () => {
    const { completeLine } = await import('./completion/complete-line.ts');
    await completeLine(program, args[1] ?? '', terminal);
  });
}
