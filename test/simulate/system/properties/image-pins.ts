/**
 * Back means back: a host that returns to a release runs the very images that it ran before, whatever their names stand
 * for by now, as long as its engine still has them.
 */
import assert from 'node:assert/strict';
import type { SimulatedHost } from '../host/simulated-host.ts';

interface Ran {
  /** By service. */
  readonly images: ReadonlyMap<string, string>;
  /** The disk that knows of it. */
  readonly disk: number;
}

export class ImagePins {
  readonly #ran = new Map<string, Ran>();

  /** Compose has made `release` what runs of a stack; `isWayBack`: by a rollback. */
  cameUp(host: SimulatedHost, stack: string, release: string, isWayBack: boolean): void {
    const key = `${host.name} ${stack} ${release}`;
    const images = host.imagesOf(stack);
    const before = this.#ran.get(key);
    if (isWayBack && before?.disk === host.disks) {
      for (const [service, id] of before.images) {
        const image = host.engine.image(id);
        // A job that is done need not run again on a way back.
        if (image === undefined || (image.behaviour === 'job' && !images.has(service))) continue;
        const what = `${host.name} went back to ${release.slice(0, 19)}, and its service '${service}'`;
        assert.equal(images.get(service), id, `${what} runs another image than before`);
      }
      return;
    }
    this.#ran.set(key, { images, disk: host.disks });
  }
}
