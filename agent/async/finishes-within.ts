import type { Runtime } from '../../src/domain/runtime.ts';

/** Resolves to true when `work` is done within `limitMs`, to false when it is not. `work` goes on either way. */
export function finishesWithin(
  runtime: Pick<Runtime, 'setTimer'>,
  work: Promise<unknown>,
  limitMs: number,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const limit = runtime.setTimer(limitMs, () => resolve(false));
    work.then(
      () => {
        limit.cancel();
        resolve(true);
      },
      (error: unknown) => {
        limit.cancel();
        reject(error);
      },
    );
  });
}
