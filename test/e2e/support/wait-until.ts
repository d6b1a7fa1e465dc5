import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../src/domain/errors.ts';

const POLL_MS = 10;

/**
 * Asks `probe` again and again until it answers something other than undefined or false, and returns that. A probe that
 * throws has not answered yet. Throws after `limitMs`, saying what was waited for and how the last attempt failed.
 */
export async function waitUntil<T>(
  what: string,
  limitMs: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const due = performance.now() + limitMs;
  let failure = '';
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      failure = '';
    } catch (error) {
      failure = `; the last attempt failed: ${messageOf(error)}`;
    }
    if (performance.now() > due) throw new Error(`waited ${limitMs} ms in vain for ${what}${failure}`);
    await sleep(POLL_MS);
  }
}

/** The promise's outcome, or a failure that says what was waited for once `limitMs` have passed. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
