/** `new`: beyond everything applied. `duplicate`: answered like its original. `conflict`: another event has that number. */
export type SeqClass = 'new' | 'duplicate' | 'conflict';

/**
 * What a numbered event is to a host whose last applied number is `lastSeq`. Numbers only have to rise: a refused event
 * leaves a gap, and a number in such a gap has no original to contradict, so it counts as a duplicate.
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
