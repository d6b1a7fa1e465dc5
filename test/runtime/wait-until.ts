/** Waiting in tests: for what must happen, however slow the machine is today. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/domain/errors.ts';

/**
 * How long anything may take before it counts as hung: far longer than the slowest of it takes on a busy machine. No
 * test states a limit of its own, because a limit that is near what a step usually takes fails with the machine's load.
 */
export const HUNG_AFTER_MS = 300_000;
const POLL_MS = 10;

/**
 * Asks `probe` again and again until it answers something other than undefined or false, and returns that. A probe that
 * throws has not answered yet. Throws once it has hung, saying what was waited for and how the last attempt failed.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  pollMs = POLL_MS,
): Promise<T> {
  const due = performance.now() + HUNG_AFTER_MS;
  let failure = '';
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      failure = '';
    } catch (error) {
      failure = `; the last attempt failed: ${messageOf(error)}`;
    }
    if (performance.now() > due) throw new Error(`waited ${HUNG_AFTER_MS} ms in vain for ${what}${failure}`);
    await sleep(pollMs);
  }
}

/** The promise's outcome, or a failure that says what was waited for once it has hung. */
export async function unlessHung<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${HUNG_AFTER_MS} ms in vain for ${what}`)), HUNG_AFTER_MS);
  });
  try {
    return await Promise.race([promise, hung]);
  } finally {
    clearTimeout(timer);
  }
}
