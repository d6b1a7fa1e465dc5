import { closeSync, openSync, readSync } from 'node:fs';

/** Larger than any file the agent reads here: `/proc/self/mountinfo` of a host with hundreds of containers. */
const MAX_BYTES = 1_048_576;
const FIRST_BYTES = 16_384;

/**
 * Reads the kernel's small text files (procfs, sysfs, cgroupfs) into one reused buffer.
 *
 * Synchronous on purpose: these files live in memory, a read takes microseconds, and hundreds of them per tick
 * through the thread pool would cost several times the CPU.
 */
export class SmallFileReader {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);

  /** The whole text, cut at 1 MiB. Throws the system's error (`ENOENT`, `EACCES`, `ESRCH`…). */
  read(path: string): string {
    const fd = openSync(path, 'r');
    try {
      let length = 0;
      for (;;) {
        // A kernel file may hand out less than was asked for: only a read of nothing is its end.
        const count = readSync(fd, this.#buffer, length, this.#buffer.length - length, null);
        if (count === 0) break;
        length += count;
        if (length < this.#buffer.length) continue;
        if (this.#buffer.length >= MAX_BYTES) break;
        this.#grow();
      }
      return this.#buffer.toString('utf8', 0, length);
    } finally {
      closeSync(fd);
    }
  }

  /** As {@link read}, or null when the file is not there, not readable, or its process is gone. */
  tryRead(path: string): string | null {
    try {
      return this.read(path);
    } catch {
      return null;
    }
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 4);
    this.#buffer.copy(larger);
    this.#buffer = larger;
  }
}
