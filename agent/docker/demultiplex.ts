const HEADER_BYTES = 8;
const SIZE_AT = 4;

/**
 * The text in an attached stream of the Engine API without a terminal. Each frame has one byte for the stream, three
 * unused ones, four for the length (big-endian), and the payload. A torn last frame is taken as far as it goes.
 */
export function demultiplex(stream: Buffer): string {
  const pieces: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= stream.length) {
    const size = stream.readUInt32BE(at + SIZE_AT);
    pieces.push(stream.subarray(at + HEADER_BYTES, at + HEADER_BYTES + size));
    at += HEADER_BYTES + size;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The text in a log or an attached stream: a container with a terminal has one stream, and no frames around its pieces. */
export function readStream(stream: Buffer): string {
  const isFramed = stream.length >= HEADER_BYTES && (stream[0] ?? 0) <= 2 && stream.readUIntBE(1, 3) === 0;
  return isFramed ? demultiplex(stream) : stream.toString('utf8');
}
