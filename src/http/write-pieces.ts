/** The body of a long answer: each piece is made when the reader has taken the ones before. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Ends the response with the pieces. When the reader goes away, or making a piece throws, no further one is made and
 * the connection is cut, so that a part is not taken for the whole; `onFailure` is called with what was thrown, and
 * not for a reader that left.
 */
export async function writePieces(
  response: ServerResponse,
  pieces: Iterable<string> | AsyncIterable<string>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), response);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') onFailure(error);
  }
}
