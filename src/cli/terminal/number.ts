import { NexusError } from '../../domain/errors.ts';

/** The value of `flag` as a whole number of at least `least`. Throws `usage`; `example` completes its advice. */
export function readWholeNumber(flag: string, text: string, least: number, example: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  const bound = least === 0 ? '' : ` of at least ${least}`;
  throw new NexusError('usage', `${flag} is '${text}', which is not a whole number${bound}: write ${example}.`);
}

/** The value of `flag` as a decimal number of at least 0. Throws `usage`. */
export function readNumber(flag: string, text: string): number {
  if (/^\d{1,9}(?:\.\d{1,6})?$/.test(text)) return Number(text);
  throw new NexusError('usage', `${flag} is '${text}', which is not a number: write for example 2 or 1.5.`);
}
