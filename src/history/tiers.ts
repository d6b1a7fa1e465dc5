/** The tiers of history: how far apart the points of each are, and how much time one of its chunks spans. */
import { type Retention, TIERS, type Tier } from '../domain/history.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface TierShape {
  readonly tier: Tier;
  /** The time between two points; 0: every sample. */
  readonly stepMs: number;
  /** The time that one chunk spans, aligned to the epoch; a multiple of the span of the finer tier. */
  readonly spanMs: number;
}

/** Spans are short where points are dense, so that a chunk stays at about ten kilobytes. */
const TIER_SHAPES: readonly TierShape[] = [
  { tier: 'raw', stepMs: 0, spanMs: 2 * HOUR_MS },
  { tier: '1m', stepMs: MINUTE_MS, spanMs: 2 * HOUR_MS },
  { tier: '10m', stepMs: 10 * MINUTE_MS, spanMs: DAY_MS },
  { tier: '1h', stepMs: HOUR_MS, spanMs: 7 * DAY_MS },
];

/** The shortest span: history is compacted, and tiers take over from one another, in cells of this size. */
export const CELL_MS = 2 * HOUR_MS;

/** Ticks stay rows for at least this long: the telemetry of rollouts is judged by the last hour. */
export const ROWS_KEPT_MS = 2 * HOUR_MS;

/** Back-filled ticks may be this old (the contract), by the agent's clock. */
const LATEST_TICK_MS = 7 * DAY_MS;

/**
 * A roll-up is made from the tier below it, and made again when a late tick falls into it. So the tier below is kept
 * until no late tick can fall into the span, even when its own retention is shorter.
 */
const SOURCE_KEPT_MS: Readonly<Record<Tier, number>> = {
  raw: 0,
  '1m': LATEST_TICK_MS + 2 * DAY_MS,
  '10m': LATEST_TICK_MS + 9 * DAY_MS,
  '1h': 0,
};

/** The instants of ticks are kept longer than their values, so that a tick which is sent again is recognised. */
export const INSTANTS_KEPT_MS = LATEST_TICK_MS + DAY_MS;

export function shapeOf(tier: Tier): TierShape {
  return TIER_SHAPES[TIERS.indexOf(tier)] ?? { tier: 'raw', stepMs: 0, spanMs: CELL_MS };
}

export function startOfSpan(ms: number, spanMs: number): number {
  return Math.floor(ms / spanMs) * spanMs;
}

/** Whether a tier is made at all: because it is kept, or because a coarser one that is kept is made from it. */
export function isWanted(tier: Tier, retention: Retention): boolean {
  if (tier === 'raw') return retention.raw > 0;
  return TIERS.slice(TIERS.indexOf(tier)).some((one) => retention[one] > 0);
}

/** How long chunks of a tier stay on the disk, for itself or as the source of a coarser one. */
export function keptMs(tier: Tier, retention: Retention): number {
  const isSource = TIERS.slice(TIERS.indexOf(tier) + 1).some((one) => retention[one] > 0);
  return Math.max(retention[tier], isSource ? SOURCE_KEPT_MS[tier] : 0);
}

/** The coarsest tier whose points add up to steps of `stepMs` exactly; 'raw' where none does. */
function tierFor(stepMs: number | null): Tier {
  if (stepMs === null) return 'raw';
  let found: Tier = 'raw';
  for (const shape of TIER_SHAPES) if (shape.stepMs > 0 && stepMs % shape.stepMs === 0) found = shape.tier;
  return found;
}

/** The order in which tiers are asked for a cell: the fitting one, then finer ones, then coarser ones. */
export function tiersToAsk(stepMs: number | null): readonly Tier[] {
  if (stepMs === null) return ['raw'];
  const index = TIERS.indexOf(tierFor(stepMs));
  return [...TIERS.slice(0, index + 1).reverse(), ...TIERS.slice(index + 1)];
}
