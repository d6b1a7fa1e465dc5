/** A batch's JSON stays below this many bytes. */
export const MAX_BATCH_JSON_BYTES = 1_048_576;
/** One tick's JSON stays below this many bytes, so that a batch can always hold it. */
export const MAX_TICK_JSON_BYTES = 1_000_000;
