import { stripVTControlCharacters } from 'node:util';
import type { OutputStream, Terminal } from '../terminal/terminal.ts';
import type { ViewSize } from './view.ts';

const DEFAULT_SIZE: ViewSize = { columns: 100, rows: 40 };

/** Synchronized output (DEC private mode 2026): a terminal shows the whole picture at once; one without it ignores this. */
const BEGIN_PICTURE = '\u001b[?2026h';
const END_PICTURE = '\u001b[?2026l';
const CLEAR_LINE = '\u001b[2K';
const CLEAR_BELOW = '\u001b[J';

function sizeOf(stream: OutputStream): ViewSize {
  const rows = 'rows' in stream && typeof stream.rows === 'number' ? stream.rows : DEFAULT_SIZE.rows;
  return { columns: stream.columns ?? DEFAULT_SIZE.columns, rows };
}

/**
 * A block of lines at the end of the terminal's output, redrawn in place. It uses no alternate screen and does not hide
 * the cursor: however the process ends, the last picture stays readable and nothing needs to be restored.
 */
export class LiveScreen {
  readonly #stream: OutputStream;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#stream = terminal.stdout;
  }

  /** The largest picture that can be redrawn in place: the cursor needs the line below. */
  size(): ViewSize {
    const { columns, rows } = sizeOf(this.#stream);
    return { columns, rows: Math.max(rows - 1, 1) };
  }

  /** Lines must not be wider than {@link size}, or they would wrap. */
  draw(lines: readonly string[]): void {
    const up = this.#heightOfDrawn();
    const back = up === 0 ? '' : `\r\u001b[${up}A`;
    const picture = lines.map((line) => `${CLEAR_LINE}${line}\n`).join('');
    this.#stream.write(`${BEGIN_PICTURE}${back}${picture}${CLEAR_BELOW}${END_PICTURE}`);
    this.#drawn = lines;
  }

  /** A window that has become narrower has wrapped the earlier lines. */
  #heightOfDrawn(): number {
    const { columns } = sizeOf(this.#stream);
    return this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
      0,
    );
  }
}
