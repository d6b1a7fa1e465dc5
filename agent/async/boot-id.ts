import { readFileSync } from 'node:fs';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** Names this boot of the machine (random(4)). Where the kernel does not say, every process counts as another boot. */
export function readBootId(): string {
  try {
    return readFileSync(BOOT_ID_FILE, 'utf8').trim();
  } catch {
    return `process-${process.pid}`;
  }
}
