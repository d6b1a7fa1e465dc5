/**
 * How fast memory grows, robustly: the Theil–Sen slope (the median over all pairs) of a window of samples, or nothing
 * where chance alone would do the same to a flat line. A leak is steady, and a program that warms up slows down: when
 * the second half of a window grows at a share r of the first, two halves later it will grow at r² of the second, and
 * that is what counts.
 */
export interface TimedValue {
  readonly atMs: number;
  readonly value: number;
}

/** Samples of a window: a minute of 5 s ticks, six minutes of 30 s ticks. */
export const WINDOW_SAMPLES = 12;
const MIN_SAMPLES = 4;
export const MIN_SPAN_MS = 20_000;
const MS_PER_MINUTE = 60_000;
/** Telemetry carries whole MiB: nothing is quieter than its rounding. */
const ROUNDING_NOISE = 0.3;
/** Standard errors beyond which growth is not chance, and beyond which a slowdown is not. */
const CLEARLY = 3;
const LIKELY = 2;

/** Per minute, from the newest window; null: too few samples, or over too short a time. Values in time order. */
export function slopePerMinute(values: readonly TimedValue[]): number | null {
  const window = values.slice(-WINDOW_SAMPLES);
  const spanMs = spanOf(window);
  if (window.length < MIN_SAMPLES || spanMs < MIN_SPAN_MS) return null;
  const slope = theilSen(window);
  const error = slopeError(window);
  if (Math.abs(slope) * MS_PER_MINUTE < CLEARLY * error) return 0;
  const half = Math.ceil(window.length / 2);
  const early = theilSen(window.slice(0, half));
  const late = theilSen(window.slice(-half));
  // Half the samples over half the time: the error of each half is 2·√2 that of the whole, their difference's 4 times.
  const slowsDown = early > 0 && (early - late) * MS_PER_MINUTE > LIKELY * 4 * error;
  return (slowsDown ? Math.max(0, late) * (late / early) ** 2 : slope) * MS_PER_MINUTE;
}

/** The steepest window there has been: what this stack does while all is well. Null as above. */
export function steepestPerMinute(values: readonly TimedValue[]): number | null {
  let steepest: number | null = null;
  for (let end = Math.min(WINDOW_SAMPLES, values.length); end <= values.length; end += 1) {
    const slope = slopePerMinute(values.slice(Math.max(0, end - WINDOW_SAMPLES), end));
    if (slope !== null && (steepest === null || slope > steepest)) steepest = slope;
  }
  return steepest;
}

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((left, right) => left - right);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}

/** The middle value, or the lower one of the middle two. */
export function lowerMedian(values: readonly number[]): number | null {
  return values.toSorted((left, right) => left - right)[Math.ceil(values.length / 2) - 1] ?? null;
}

function spanOf(values: readonly TimedValue[]): number {
  return (values.at(-1)?.atMs ?? 0) - (values[0]?.atMs ?? 0);
}

/** Per millisecond. */
function theilSen(values: readonly TimedValue[]): number {
  const slopes: number[] = [];
  for (const [index, from] of values.entries()) {
    for (const to of values.slice(index + 1)) {
      if (to.atMs > from.atMs) slopes.push((to.value - from.value) / (to.atMs - from.atMs));
    }
  }
  return median(slopes) ?? 0;
}

/**
 * The standard error of a slope per minute. Noise is what second differences show, which neither growth nor a smooth
 * bend enters: for noise σ they spread by √6·σ, and 1.4826 makes a median deviation of normal noise its σ.
 */
function slopeError(values: readonly TimedValue[]): number {
  const bends = values.slice(2).map(({ value }, index) => {
    const before = values[index + 1]?.value ?? value;
    return Math.abs(value - 2 * before + (values[index]?.value ?? before));
  });
  const noise = Math.max(ROUNDING_NOISE, ((median(bends) ?? 0) * 1.4826) / Math.sqrt(6));
  return (noise * Math.sqrt(12 / values.length) * MS_PER_MINUTE) / spanOf(values);
}
