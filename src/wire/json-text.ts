/**
 * JSON from outside, looked over once before it is parsed: what is small on the wire can be millions of objects in
 * memory, and a value nested deeply enough overflows the stack of whoever walks it later.
 */

/** RFC 8259: JSON is UTF-8, and a parser may ignore a byte order mark (section 8.1), as this decoder does. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

export const JSON_LIMITS = {
  /** Lists and objects within one another, in any body. */
  depth: 16,
  /** Structural characters (`{ } [ ] , :` outside of strings): each costs memory once it is parsed. */
  partsOfBody: 100_000,
  partsOfBatch: 2_000_000,
} as const;

/** `syntax`: not UTF-8, or not JSON. The others name the limit that the text is beyond. */
export type JsonFault = 'syntax' | 'depth' | 'parts';

export class JsonRefused extends Error {
  readonly fault: JsonFault;

  constructor(fault: JsonFault, options?: ErrorOptions) {
    super(`JSON refused: ${fault}`, options);
    this.fault = fault;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The index of the quote that ends the string begun before `from`; -1: it does not end. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (first > from && text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    // An even number of backslashes escape one another, and not the quote.
    if ((at - first) % 2 === 0) return at;
  }
  return -1;
}

/** One pass, linear in the length of the text. Of a text that is not JSON it says nothing: the parser does. */
export function faultOf(text: string, maxParts: number): JsonFault | null {
  let depth = 0;
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at + 1);
        if (at === -1) return null;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        parts += 1;
        if (depth > JSON_LIMITS.depth) return 'depth';
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        parts += 1;
        break;
      case COMMA:
      case COLON:
        parts += 1;
        break;
      default:
    }
    if (parts > maxParts) return 'parts';
  }
  return null;
}

/** Throws {@link JsonRefused}. */
export function parseJsonBytes(bytes: Uint8Array, maxParts: number = JSON_LIMITS.partsOfBody): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (error) {
    throw new JsonRefused('syntax', { cause: error });
  }
  const fault = faultOf(text, maxParts);
  if (fault !== null) throw new JsonRefused(fault);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JsonRefused('syntax', { cause: error });
  }
}
