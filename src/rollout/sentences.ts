/** Words that every sentence for an operator shares. */

export function quote(name: string): string {
  return `«${name}»`;
}

/** Enough of a digest to tell releases apart by eye. */
export function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1…');
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** People count waves from one. */
export function waveName(wave: number, waveCount: number): string {
  return `wave ${wave + 1} of ${waveCount}`;
}
