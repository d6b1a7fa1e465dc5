import { NexusError } from '../domain/errors.ts';

/** Thrown on bytes that no encoder of a known version wrote: a damaged chunk, or one of a newer Nexus. */
export class ChunkDamaged extends NexusError {
  constructor(what: string) {
    super('store_unavailable', `a stored chunk of history cannot be read (${what})`);
  }
}

/** For {@link ByteReader}, which throws what it is given. */
export function chunkDamaged(what: string): ChunkDamaged {
  return new ChunkDamaged(what);
}
