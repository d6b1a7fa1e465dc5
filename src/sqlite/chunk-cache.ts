/** A cache of uncompressed chunks: the history page of a host reads the same ones again and again. */
export interface CachedChunk {
  readonly times: readonly number[];
  readonly values: Uint8Array | null;
}

export class ChunkCache {
  readonly #maxBytes: number;
  readonly #chunks = new Map<string, CachedChunk>();
  #bytes = 0;

  /** 0 turns the cache off, for a database that another process may change. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): CachedChunk | undefined {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return undefined;
    this.#chunks.delete(key);
    this.#chunks.set(key, chunk);
    return chunk;
  }

  put(key: string, chunk: CachedChunk): void {
    const size = sizeOf(chunk);
    if (size > this.#maxBytes / 4) return;
    this.delete(key);
    this.#chunks.set(key, chunk);
    this.#bytes += size;
    for (const [oldest] of this.#chunks) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
    this.#bytes -= sizeOf(chunk);
    this.#chunks.delete(key);
  }

  clear(): void {
    this.#chunks.clear();
    this.#bytes = 0;
  }
}

function sizeOf({ times, values }: CachedChunk): number {
  return times.length * 8 + (values?.length ?? 0) + 200;
}
