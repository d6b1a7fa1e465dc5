import type { Tone } from '../../explain/tone.ts';
import { paint, type Style, type Terminal } from './terminal.ts';

/** The colour of each tone; neutral text keeps the terminal's own. */
export const TONE_STYLES = {
  neutral: undefined,
  muted: 'gray',
  active: 'cyan',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
} as const satisfies Record<Tone, Style | undefined>;

/** `text`, already {@link printable}, in the colour of its tone. */
export function paintTone(terminal: Terminal, tone: Tone, text: string): string {
  const style = TONE_STYLES[tone];
  return style === undefined ? text : paint(terminal, style, text);
}
