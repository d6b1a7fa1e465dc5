import type { ChildServer } from './child-server.ts';
import type { Feed } from './feed.ts';
import { KeptConnection, targetOf } from './kept-connection.ts';
import { ownCpuSeconds } from './machine-load.ts';
import { figure, ratio, Samples, say } from './samples.ts';
import { each } from './simulated-fleet.ts';

/** One server under load as fast as it answers, and what its turns came to. */
export class IngestSubject {
  readonly name: string;
  readonly server: ChildServer;
  readonly feed: Feed;
  readonly perSecond = new Samples();
  readonly cpuMicroseconds = new Samples();
  readonly delaysMs = new Samples();
  readonly #generatorMicroseconds = new Samples();
  readonly #connections: KeptConnection[];
  #posts = 0;

  private constructor(name: string, server: ChildServer, feed: Feed, connections: KeptConnection[]) {
    this.name = name;
    this.server = server;
    this.feed = feed;
    this.#connections = connections;
  }

  /** `window`: posts under way at once. */
  static async open(name: string, server: ChildServer, feed: Feed, window: number): Promise<IngestSubject> {
    const target = targetOf(server.url);
    // A host has one post under way, as everywhere.
    const connections = Array.from({ length: Math.min(window, feed.hostCount) }, () => KeptConnection.open(target));
    return new IngestSubject(name, server, feed, await Promise.all(connections));
  }

  /** Posts of one host after another, over and over, on every connection until `until` says so. */
  async #post(until: () => boolean, note: (delayMs: number) => void): Promise<void> {
    await each(this.#connections, this.#connections.length, async (connection) => {
      while (!until()) {
        const host = this.#posts % this.feed.hostCount;
        this.#posts += 1;
        const tick = this.feed.nextTick(host);
        const beganMs = performance.now();
        const { status, body } = await connection.post(this.feed.request(host, tick));
        if (status !== 204) throw new Error(`${this.name} answered ${status}: ${body}`);
        this.feed.acknowledge(host, tick);
        note(performance.now() - beganMs);
      }
    });
  }

  /** Two posts of every host: from then on nothing is new but the numbers. */
  warmUp(): Promise<void> {
    return this.#post(
      () => this.#posts >= 2 * this.feed.hostCount,
      () => {},
    );
  }

  async takeTurn(turnMs: number): Promise<void> {
    const cpuBefore = this.server.figures().cpuSeconds;
    const ownBefore = ownCpuSeconds();
    const beganMs = performance.now();
    let count = 0;
    await this.#post(
      () => performance.now() - beganMs > turnMs,
      (delayMs) => {
        count += 1;
        this.delaysMs.add(delayMs);
      },
    );
    this.perSecond.add((count * 1000) / (performance.now() - beganMs));
    this.cpuMicroseconds.add(((this.server.figures().cpuSeconds - cpuBefore) * 1e6) / count);
    this.#generatorMicroseconds.add(((ownCpuSeconds() - ownBefore) * 1e6) / count);
  }

  report(samplesPerPost: number): void {
    const perSecond = this.perSecond.median;
    const cells = [
      `${figure(perSecond)} posts/s`,
      `${figure(perSecond * samplesPerPost)} samples/s`,
      `p50 ${figure(this.delaysMs.percentile(50), 1)} ms`,
      `p99 ${figure(this.delaysMs.percentile(99), 1)} ms`,
      `${figure(this.cpuMicroseconds.median)} µs CPU a post`,
      `RSS ${figure(this.server.figures().rssMb)} MB`,
      `the generator ${figure(this.#generatorMicroseconds.median)} µs a post`,
    ];
    say(this.name, cells.join('; '));
  }

  /** How many times the posts of another it takes, and how many of its posts the CPU of one of the other's pays for. */
  compare(base: IngestSubject): void {
    const byTime = ratio(this.perSecond.median, base.perSecond.median);
    const byCpu = ratio(base.cpuMicroseconds.median, this.cpuMicroseconds.median);
    say(`${this.name} / ${base.name}`, `${byTime} by posts/s; ${byCpu} by CPU`);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.server.stop();
  }
}
