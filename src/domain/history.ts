/** The vocabulary of stored history: how finely it is kept, and for how long. */

/** From the finest to the coarsest. `raw` is every sample; the others are roll-ups over as long as they say. */
export const TIERS = ['raw', '1m', '10m', '1h'] as const;
export type Tier = (typeof TIERS)[number];

/** How long each tier is kept, in milliseconds; 0: not at all. */
export type Retention = Readonly<Record<Tier, number>>;

const DAY_MS = 86_400_000;

export const DEFAULT_RETENTION: Retention = {
  raw: 2 * DAY_MS,
  '1m': 14 * DAY_MS,
  '10m': 90 * DAY_MS,
  '1h': 730 * DAY_MS,
};
