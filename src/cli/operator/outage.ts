import { NexusError } from '../../domain/errors.ts';
import { endSentence } from '../../domain/words.ts';
import { printNote, type Terminal } from '../terminal/terminal.ts';

/** A failure that a command which follows the server waits out: a restart or an overload. Throws every other one. */
export function asOutage(error: unknown): NexusError {
  if (error instanceof NexusError && (error.code === 'unreachable' || error.code === 'overloaded')) return error;
  throw error;
}

/** Reports once that the server is away, and once that it is back. */
export class OutageNotice {
  readonly #terminal: Terminal;
  #isOut = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  failed(outage: NexusError): void {
    if (!this.#isOut) printNote(this.#terminal, `${endSentence(outage.message)} Waiting for the server.`);
    this.#isOut = true;
  }

  answered(): void {
    if (this.#isOut) printNote(this.#terminal, 'The server is back.');
    this.#isOut = false;
  }
}
