/** Ages history in short slices, so that a post never waits longer than one slice. */
import type { Runtime } from '../domain/runtime.ts';

const SLICE_MS = 3;
/** The pause after a slice, in lengths of the slice: at most a fifth of the time is spent on ageing. */
const PAUSE_PER_SLICE = 4;
const MIN_PAUSE_MS = 10;
const IDLE_MS = 5_000;
const FIRST_MS = 1_000;

interface AgeingHistory {
  /** Works until `isOver`; returns whether there is more to do now. */
  ageHistory(isOver: () => boolean): boolean;
}

/** Works until `stop` is called. */
export function startCompaction(history: AgeingHistory, runtime: Runtime): { stop(): void } {
  let timer = runtime.setTimer(FIRST_MS, work);
  function work(): void {
    const startedAtMs = runtime.monotonicMs();
    const tookMs = (): number => runtime.monotonicMs() - startedAtMs;
    const hasMore = history.ageHistory(() => tookMs() >= SLICE_MS);
    timer = runtime.setTimer(hasMore ? Math.max(MIN_PAUSE_MS, tookMs() * PAUSE_PER_SLICE) : IDLE_MS, work);
  }
  return { stop: () => timer.cancel() };
}
