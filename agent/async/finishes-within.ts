import type { Runtime } from '../../src/domain/runtime.ts';
import { delay } from '../../src/runtime/wait.ts';

/** Resolves to true when `work` is done within `limitMs`, to false when it is not. `work` goes on either way. */
export async function finishesWithin(
  runtime: Pick<Runtime, 'setTimer'>,
  work: Promise<unknown>,
  limitMs: number,
): Promise<boolean> {
  const over = new AbortController();
  const late = delay(runtime, limitMs, over.signal).then(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    over.abort();
  }
}
