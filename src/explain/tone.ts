/**
 * What a sentence means for whoever reads it. The command line paints it, a page styles it, and an alert derives its
 * severity from it: none of them looks into the words.
 */
export type Tone =
  /** A fact, neither good nor bad. */
  | 'neutral'
  /** Background: what is over, or has not begun. */
  | 'muted'
  /** Under way as planned. */
  | 'active'
  | 'good'
  /** May turn bad, or waits for somebody. */
  | 'warning'
  | 'bad';

/** Words for a person, and what they mean. Without a terminal's escape sequences, but not yet safe to print. */
export interface Sentence {
  readonly text: string;
  readonly tone: Tone;
}
