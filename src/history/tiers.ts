/** How history is cut: the step of each tier's points, and the span of time that one chunk of it holds. */
import { type Retention, TIERS, type Tier } from '../domain/history.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface TierShape {
  readonly tier: Tier;
  /** Between two points; 0: as the samples came. */
  readonly stepMs: number;
  /** Of one chunk, aligned to the epoch; each span is a whole number of the finer tier's. */
  readonly spanMs: number;
}

/** Spans are short where points are dense, so that a chunk stays at some ten kilobytes. */
const TIER_SHAPES: readonly TierShape[] = [
  { tier: 'raw', stepMs: 0, spanMs: 2 * HOUR_MS },
  { tier: '1m', stepMs: MINUTE_MS, spanMs: 2 * HOUR_MS },
  { tier: '10m', stepMs: 10 * MINUTE_MS, spanMs: DAY_MS },
  { tier: '1h', stepMs: HOUR_MS, spanMs: 7 * DAY_MS },
];

/** The finest span: what is compacted at once, and the grid on which tiers take over from one another. */
export const CELL_MS = 2 * HOUR_MS;

/** Ticks stay rows of their own for at least this long: what judges rollouts looks an hour back. */
export const ROWS_KEPT_MS = 2 * HOUR_MS;

/** Back-filled ticks may be this old (the contract), by the agent's clock. */
const LATEST_TICK_MS = 7 * DAY_MS;

/**
 * A roll-up is made from the tier below it, and made anew when a late tick falls into it: so the one below is kept
 * until no tick can come late for any of the span, whatever its own retention says.
 */
const SOURCE_KEPT_MS: Readonly<Record<Tier, number>> = {
  raw: 0,
  '1m': LATEST_TICK_MS + 2 * DAY_MS,
  '10m': LATEST_TICK_MS + 9 * DAY_MS,
  '1h': 0,
};

/** The instants of stored ticks outlive their values: a tick that is sent again is still known. */
export const INSTANTS_KEPT_MS = LATEST_TICK_MS + DAY_MS;

export function shapeOf(tier: Tier): TierShape {
  return TIER_SHAPES[TIERS.indexOf(tier)] ?? { tier: 'raw', stepMs: 0, spanMs: CELL_MS };
}

export function startOfSpan(ms: number, spanMs: number): number {
  return Math.floor(ms / spanMs) * spanMs;
}

/** Whether a roll-up is to be made at all: it is kept itself, or is the source of a coarser one that is. */
export function isWanted(tier: Tier, retention: Retention): boolean {
  if (tier === 'raw') return retention.raw > 0;
  return TIERS.slice(TIERS.indexOf(tier)).some((one) => retention[one] > 0);
}

/** How long chunks of a tier stay on the disk, as a source of coarser ones included. */
export function keptMs(tier: Tier, retention: Retention): number {
  const isSource = TIERS.slice(TIERS.indexOf(tier) + 1).some((one) => retention[one] > 0);
  return Math.max(retention[tier], isSource ? SOURCE_KEPT_MS[tier] : 0);
}

/** The coarsest tier whose points make up steps of `stepMs` exactly; raw samples where none does. */
function tierFor(stepMs: number | null): Tier {
  if (stepMs === null) return 'raw';
  let found: Tier = 'raw';
  for (const shape of TIER_SHAPES) if (shape.stepMs > 0 && stepMs % shape.stepMs === 0) found = shape.tier;
  return found;
}

/** In which order tiers are asked for a cell of time: the fitting one, finer ones, then coarser ones. */
export function tiersToAsk(stepMs: number | null): readonly Tier[] {
  if (stepMs === null) return ['raw'];
  const index = TIERS.indexOf(tierFor(stepMs));
  return [...TIERS.slice(0, index + 1).reverse(), ...TIERS.slice(index + 1)];
}
