import { type Command, CommanderError } from 'commander';
import { CommandEnd, EXIT_DONE, exitCodeOf } from './terminal/exit-code.ts';
import { type OutputStream, printNote, type Terminal } from './terminal/terminal.ts';

/**
 * Runs the command that `args` name, the words after the program's name, and resolves with its exit code; never
 * rejects.
 */
export async function runProgram(program: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  return settle(terminal, async () => {
    await program.parseAsync(args, { from: 'user' });
  });
}

/** Resolves with the exit code that `work` comes to, and prints why it failed. */
export async function settle(terminal: Terminal, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return EXIT_DONE;
  } catch (error) {
    // Those two have printed their message already.
    if (!(error instanceof CommanderError || error instanceof CommandEnd)) {
      const { describeFailure } = await import('./terminal/failure.ts');
      printNote(terminal, describeFailure(error));
    }
    return exitCodeOf(error);
  }
}

function flushed(stream: OutputStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** A reader that has read enough (`| head`) is not a failure. */
function exitQuietlyOnBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_DONE);
  });
}

/** Runs this process's command line with `run`, flushes its output and exits, whatever may still be open. */
export async function runProcess(
  terminal: Terminal,
  run: (args: readonly string[], terminal: Terminal) => Promise<number>,
): Promise<void> {
  exitQuietlyOnBrokenPipe(process.stdout);
  const code = await run(process.argv.slice(2), terminal);
  await Promise.all([flushed(terminal.stdout), flushed(terminal.stderr)]);
  process.exit(code);
}
