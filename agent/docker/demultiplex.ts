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
