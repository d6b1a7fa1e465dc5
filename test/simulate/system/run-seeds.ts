/**
 * Runs seeds in a process of its own, up to the first that fails, and prints what they came to as one line of JSON.
 *
 *     node test/simulate/system/run-seeds.ts FIRST COUNT [STEP]
 *
 * The exit code is 0 whether one fails or not: the line says which.
 */
import { messageOf } from '../../../src/domain/errors.ts';
import { SimulationFailure, simulate } from './simulation.ts';

export interface SeedsReport {
  readonly seeds: number;
  /** Events of the simulations. */
  readonly events: number;
  readonly virtualMs: number;
  /** How often something happened, by name. */
  readonly met: Readonly<Record<string, number>>;
  readonly failure: { readonly seed: number; readonly message: string; readonly trace: readonly string[] } | null;
}

async function runSeeds(first: number, count: number, step: number): Promise<SeedsReport> {
  const met: Record<string, number> = {};
  let seeds = 0;
  let events = 0;
  let virtualMs = 0;
  for (let seed = first; seed < first + count * step; seed += step) {
    try {
      const result = await simulate(seed);
      seeds += 1;
      events += result.events;
      virtualMs += result.virtualMs;
      for (const [what, times] of result.met) met[what] = (met[what] ?? 0) + times;
    } catch (error) {
      return { seeds, events, virtualMs, met, failure: describe(seed, error) };
    }
  }
  return { seeds, events, virtualMs, met, failure: null };
}

function describe(seed: number, error: unknown): SeedsReport['failure'] {
  const cause = error instanceof SimulationFailure ? error.cause : error;
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(error);
  return { seed, message, trace: error instanceof SimulationFailure ? error.trace : [] };
}

if (import.meta.main) {
  const [first = 1, count = 1, step = 1] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await runSeeds(first, count, step))}\n`);
}
