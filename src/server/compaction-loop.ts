/** Lets the compactor work a little, often: posts never wait for more than one slice. */
import type { Clock } from '../domain/clock.ts';
import type { Writer } from './writer.ts';

const SLICE_MS = 3;
/** While there is work, at most a fifth of the time goes into it. */
const PAUSE_PER_SLICE = 4;
const MIN_PAUSE_MS = 10;
const IDLE_MS = 5_000;
const FIRST_MS = 1_000;

/** Works until `stop` is called. */
export function startCompaction(writer: Writer, clock: Clock): { stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const slice = (): void => {
    const startedAt = performance.now();
    const hasMore = writer.compact(clock.nowMs(), () => performance.now() - startedAt >= SLICE_MS);
    const tookMs = performance.now() - startedAt;
    timer = setTimeout(slice, hasMore ? Math.max(MIN_PAUSE_MS, tookMs * PAUSE_PER_SLICE) : IDLE_MS);
  };
  timer = setTimeout(slice, FIRST_MS);
  return { stop: () => clearTimeout(timer) };
}
