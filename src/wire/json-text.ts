/** RFC 8259: JSON is UTF-8, and a parser may ignore a byte order mark (section 8.1), as this decoder does. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws when the bytes are not UTF-8, or no JSON. */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  return JSON.parse(utf8.decode(bytes));
}
