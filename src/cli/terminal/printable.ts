/** C0, DEL and C1, the bidirectional controls, and the line and paragraph separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly what must not reach a terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Text from outside as one line that a terminal can be given. Names, images and labels come from agents and from images
 * that anyone can build: an escape sequence in one would otherwise move the cursor, retitle the window or hide a row.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}
