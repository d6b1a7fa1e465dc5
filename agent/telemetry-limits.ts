/**
 * The contract's limits on what an agent posts. They are the same numbers as `TELEMETRY_LIMITS` in `src/wire`, which a
 * test holds them to; repeated because that module brings a schema library along, a fifth of the agent's own memory.
 */
export const AGENT_LIMITS = {
  maxContainers: 500,
  maxBatchTicks: 100,
  maxAgeMs: 3_600_000,
  maxBatchAgeMs: 7 * 86_400_000,
} as const;

/** A batch's JSON stays below this many bytes. */
export const MAX_BATCH_JSON_BYTES = 1_048_576;
/** One tick's JSON stays below this many bytes, so that a batch can always hold it. */
export const MAX_TICK_JSON_BYTES = 1_000_000;
