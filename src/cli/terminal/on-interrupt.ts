import { printNote, type Terminal } from './terminal.ts';

/** What shells call a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130;

/**
 * Ends the process with 130 and these words at SIGINT, until it is disposed of: for a command that only looks at what
 * goes on without it.
 */
export function onInterrupt(terminal: Terminal, words: readonly string[]): Disposable {
  const onSignal = (): void => {
    // The terminal has shown '^C' at the start of this line.
    printNote(terminal, '');
    for (const line of words) printNote(terminal, line);
    process.exit(EXIT_INTERRUPTED);
  };
  process.once('SIGINT', onSignal);
  return { [Symbol.dispose]: () => void process.removeListener('SIGINT', onSignal) };
}
