/** What planning a batch needs to know of a tick. */
export interface BatchCandidate {
  readonly recordedAtMs: number;
  readonly jsonBytes: number;
}

/** `{"ticks":[…]}` around the ticks, and a comma between each two. */
const ENVELOPE_BYTES = 12;

/**
 * The ticks of the next batch: the oldest ones, oldest first, as many as fit into `maxTicks` and `maxJsonBytes`; the
 * first one always, for a tick too large for any batch must be refused by the server to be got rid of.
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
