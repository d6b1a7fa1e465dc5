import { StringDecoder } from 'node:string_decoder';

/** An event of the engine is a few kilobytes; anything longer is not one. */
const MAX_LINE = 1_048_576;

/** Cuts a stream of bytes into lines, however it is split into pieces. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** The lines that are complete with this piece, without their ends; empty ones are left out. */
  push(piece: Buffer): string[] {
    const lines = (this.#rest + this.#decoder.write(piece)).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE) this.#rest = '';
    return lines.map((line) => line.trim()).filter((line) => line !== '');
  }
}
