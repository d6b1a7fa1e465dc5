/** The properties of a tick that decide whether it fits into a batch. */
export interface BatchCandidate {
  readonly recordedAtMs: number;
  readonly jsonBytes: number;
}

/** `{"ticks":[…]}` around the ticks, and a comma between each two. */
const ENVELOPE_BYTES = 12;

/**
 * The ticks of the next batch: the oldest, oldest first, as many as fit into `maxTicks` and `maxJsonBytes`. The first
 * one is always taken: a tick that is too large for any batch is only dropped once the server has refused it.
 */
export function planBatch<T extends BatchCandidate>(ticks: readonly T[], maxTicks: number, maxJsonBytes: number): T[] {
  const batch: T[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const tick of [...ticks].sort((a, b) => a.recordedAtMs - b.recordedAtMs)) {
    const more = tick.jsonBytes + (batch.length > 0 ? 1 : 0);
    if (batch.length > 0 && (batch.length >= maxTicks || bytes + more > maxJsonBytes)) break;
    batch.push(tick);
    bytes += more;
  }
  return batch;
}

/** The JSON of a batch, from the JSON of its ticks. */
export function composeBatch(ticks: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [Buffer.from('{"ticks":[')];
  ticks.forEach((json, index) => {
    if (index > 0) pieces.push(Buffer.from(','));
    pieces.push(json);
  });
  pieces.push(Buffer.from(']}'));
  return Buffer.concat(pieces);
}
