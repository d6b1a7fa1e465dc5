/** An image registry: names that move from one image to another, and answers that do not always come. */

/** Bounds a pull of one image, as seen from a host. */
const MAX_PULL_MS = 2_500;

export type RegistryMood = 'well' | 'away' | 'refusing' | 'slow';

export class Registry {
  mood: RegistryMood = 'well';
  readonly #images = new Map<string, string>();
  /** Every image that was ever published: by its digest, which is its id, it stays available. */
  readonly #ids = new Set<string>();

  /** From now on `reference` names the image `id`. */
  publish(reference: string, id: string): void {
    this.#images.set(reference, id);
    this.#ids.add(id);
  }

  /** How long an answer takes, of a share in [0, 1) drawn by whoever asks. */
  delayMs(share: number): number {
    return (100 + share ** 2 * MAX_PULL_MS) * (this.mood === 'slow' ? 20 : 1);
  }

  /** The image that a name stands for; a sentence in Docker's words when it cannot be had. */
  resolve(reference: string): { readonly id: string } | { readonly refusal: string } {
    if (this.mood === 'away') return { refusal: 'dial tcp: lookup registry.test: no such host' };
    if (this.mood === 'refusing') return { refusal: 'toomanyrequests: you have reached your pull rate limit' };
    const digest = reference.split('@')[1];
    const id = digest === undefined ? this.#images.get(reference) : this.#ids.has(digest) ? digest : undefined;
    return id === undefined ? { refusal: `manifest for ${reference} not found: manifest unknown` } : { id };
  }
}
