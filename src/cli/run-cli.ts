import { CommanderError } from 'commander';
import { createProgram } from './program.ts';
import { CommandEnd, EXIT_DONE, exitCodeOf } from './terminal/exit-code.ts';
import { type OutputStream, printNote, type Terminal } from './terminal/terminal.ts';

/** The completion scripts call this. It is not a command, so that it appears neither in help nor in completions. */
const COMPLETE = '__complete';

/**
 * Runs one command line and resolves with its exit code; never rejects. `args` are the words after the program's name.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  try {
    if (args[0] === COMPLETE) {
      const { completeLine } = await import('./completion/complete-line.ts');
      await completeLine(program, args[1] ?? '', terminal);
    } else {
      await program.parseAsync(args, { from: 'user' });
    }
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

/** Runs this process's command line, flushes its output and exits, whatever may still be open. */
export async function runProcess(terminal: Terminal): Promise<void> {
  exitQuietlyOnBrokenPipe(process.stdout);
  const code = await runCli(process.argv.slice(2), terminal);
  await Promise.all([flushed(terminal.stdout), flushed(terminal.stderr)]);
  process.exit(code);
}
