/**
 * What a sentence means to its reader. The command line paints it, a page styles it, and an alert derives its severity
 * from it, without interpreting the words.
 */
export type Tone =
  /** A fact, neither good nor bad. */
  | 'neutral'
  /** Background: what is over, or has not begun. */
  | 'muted'
  /** Under way as planned. */
  | 'active'
  | 'good'
  /** May turn bad, or waits for a person. */
  | 'warning'
  | 'bad';

/** Words for a person, and what they mean. The words may contain text from outside: a terminal must not print it as it is. */
export interface Sentence {
  readonly text: string;
  readonly tone: Tone;
}
