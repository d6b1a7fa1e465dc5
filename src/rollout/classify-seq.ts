/** `new`: not applied yet. `duplicate`: answered like its original. `conflict`: another event has that number. */
export type SeqClass = 'new' | 'duplicate' | 'conflict';

/**
 * Compares the number of an event with those that were applied, `lastSeq` being the last. Numbers only have to rise: a
 * refused event leaves a gap, and a number in such a gap has no original to contradict, so it counts as a duplicate.
 *
 * `storedDigest`: of the body that was applied under this very number; undefined when none was.
 */
export function classifySeq(
  lastSeq: number,
  seq: number,
  bodyDigest: string,
  storedDigest: string | undefined,
): SeqClass {
  if (seq > lastSeq) return 'new';
  return storedDigest === undefined || storedDigest === bodyDigest ? 'duplicate' : 'conflict';
}
