import { setTimeout as sleep } from 'node:timers/promises';

/** Waits, at most 15 seconds, until `holds`; fails naming what never came. */
export async function waitUntil(holds: () => boolean, what: string): Promise<void> {
  const until = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > until) throw new Error(`waited in vain for ${what}`);
    await sleep(5);
  }
}
