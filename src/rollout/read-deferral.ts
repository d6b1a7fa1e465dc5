import { TROUBLE_CLASSES, type TroubleClass } from '../domain/rollout.ts';

const KNOWN: ReadonlySet<string> = new Set(TROUBLE_CLASSES);

function isTroubleClass(word: string): word is TroubleClass {
  return KNOWN.has(word);
}

/** Reads `<class>: sentence`. An agent that names no known class says only a sentence. */
export function readDeferral(text: string): { readonly class: TroubleClass | null; readonly reason: string } {
  const [, word = '', sentence = ''] = /^([a-z_]+): (.*)$/s.exec(text) ?? [];
  return isTroubleClass(word) ? { class: word, reason: sentence } : { class: null, reason: text };
}
