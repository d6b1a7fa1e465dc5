/**
 * Hosts that post when their time has come, whether or not the server keeps up: each on its own kept connection, as
 * agents do, one after the other at moments of chance. A delay counts from the moment at which the post was due.
 */
import type { Feed } from './feed.ts';
import { type Answer, type Asker, KeptConnection, type Target } from './kept-connection.ts';
import { ownCpuSeconds } from './machine-load.ts';
import { gapOfChanceMs } from './pace.ts';
import { fail, figure, Samples, say } from './samples.ts';
import { each } from './simulated-fleet.ts';

/** Moments that the generator itself is later for than this it lets go by: they say nothing about the server. */
const MAX_OWN_LAG_MS = 100;
/** A post that has no answer after this long has been lost. */
const LAST_ANSWER_MS = 30_000;
const POLL_MS = 10;
const EXPECTED = new Set([204, 429, 503]);
const OPENED_AT_ONCE = 64;

export interface Manners {
  /** A post that is due while the last one is unanswered: sent late, or never. */
  readonly whenBusy: 'wait' | 'skip';
  /** Whether a host sends nothing for as long as `Retry-After` asks. */
  readonly isPolite: boolean;
}

/** What a loop came to. */
export class OpenLoopFigures {
  readonly fromDueMs = new Samples();
  readonly fromSendMs = new Samples();
  readonly statuses = new Map<number, number>();
  /** Posts whose connection broke, or that were never answered. */
  lost = 0;
  firstLoss = '';
  offered = 0;
  sent = 0;
  /** Not sent, because the host's last one was unanswered. */
  skipped = 0;
  /** Not sent, because the server had asked for that. */
  heldBack = 0;
  seconds = 0;
  generatorCores = 0;

  accepted(dueMs: number, sentMs: number): void {
    const nowMs = performance.now();
    this.fromDueMs.add(nowMs - dueMs);
    this.fromSendMs.add(nowMs - sentMs);
  }

  answered(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  lose(count: number, how: string): void {
    this.lost += count;
    if (this.firstLoss === '') this.firstLoss = how;
  }

  /** Prints which answers came. A server may take a post or send it away; whatever else it does is a failure. */
  reportAnswers(): void {
    const sorted = [...this.statuses].sort(([one], [other]) => one - other);
    say('  answers', sorted.map(([status, count]) => `${figure(count)} with ${status}`).join('; '));
    for (const [status, count] of sorted)
      if (!EXPECTED.has(status)) fail('an answer that may not be', `${figure(count)} with ${status}`);
    if (this.lost > 0) fail('posts without an answer', `${figure(this.lost)}; the first: ${this.firstLoss}`);
  }
}

class PostingHost implements Asker {
  readonly #host: number;
  readonly #feed: Feed;
  readonly #connection: KeptConnection;
  readonly #waiting: number[] = [];
  #manners: Manners = { whenBusy: 'wait', isPolite: true };
  #figures = new OpenLoopFigures();
  #tick = 0;
  #dueMs = 0;
  #sentMs = 0;
  #heldUntilMs = 0;

  constructor(host: number, feed: Feed, connection: KeptConnection) {
    this.#host = host;
    this.#feed = feed;
    this.#connection = connection;
  }

  begin(manners: Manners, figures: OpenLoopFigures): void {
    this.#manners = manners;
    this.#figures = figures;
    this.#heldUntilMs = 0;
  }

  get isBusy(): boolean {
    return this.#connection.isBusy;
  }

  due(dueMs: number): void {
    this.#figures.offered += 1;
    if (dueMs < this.#heldUntilMs) this.#figures.heldBack += 1;
    else if (!this.#connection.isBusy) this.#send(dueMs);
    else if (this.#manners.whenBusy === 'wait') this.#waiting.push(dueMs);
    else this.#figures.skipped += 1;
  }

  #send(dueMs: number): void {
    this.#figures.sent += 1;
    this.#tick = this.#feed.nextTick(this.#host);
    this.#dueMs = dueMs;
    this.#sentMs = performance.now();
    this.#connection.send(this.#feed.request(this.#host, this.#tick), this);
  }

  resolve(answer: Answer): void {
    this.#figures.answered(answer.status);
    if (answer.status === 204) {
      this.#feed.acknowledge(this.#host, this.#tick);
      this.#figures.accepted(this.#dueMs, this.#sentMs);
    } else if (this.#manners.isPolite) {
      this.#heldUntilMs = performance.now() + answer.retryAfterSeconds * 1000;
    }
    this.#sendWaiting();
  }

  reject(error: Error): void {
    this.#figures.lose(1, `host-${this.#host}: ${error.message}`);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    const dueMs = this.#waiting.shift();
    if (dueMs !== undefined) this.#send(dueMs);
  }

  close(): void {
    this.#connection.close();
  }
}

export class OpenLoop {
  readonly #hosts: readonly PostingHost[];

  private constructor(hosts: readonly PostingHost[]) {
    this.#hosts = hosts;
  }

  static async open(feed: Feed, target: Target): Promise<OpenLoop> {
    const hosts: PostingHost[] = [];
    const indexes = Array.from({ length: feed.hostCount }, (_, index) => index);
    await each(indexes, OPENED_AT_ONCE, async (host) => {
      hosts.push(new PostingHost(host, feed, await KeptConnection.open(target)));
    });
    return new OpenLoop(hosts);
  }

  /** Resolves when the last moment has passed; what is still unanswered then, {@link settle} waits for. */
  async run(perSecond: number, seconds: number, manners: Manners): Promise<OpenLoopFigures> {
    const figures = new OpenLoopFigures();
    for (const host of this.#hosts) host.begin(manners, figures);
    const cpuBefore = ownCpuSeconds();
    const beganMs = performance.now();
    await this.#offer(perSecond / 1000, beganMs + seconds * 1000);
    figures.seconds = (performance.now() - beganMs) / 1000;
    figures.generatorCores = (ownCpuSeconds() - cpuBefore) / figures.seconds;
    return figures;
  }

  #offer(perMs: number, endMs: number): Promise<void> {
    let turn = 0;
    let dueMs = performance.now();
    return new Promise((resolve) => {
      const pass = (): void => {
        const untilMs = Math.min(performance.now(), endMs);
        dueMs = Math.max(dueMs, untilMs - MAX_OWN_LAG_MS);
        while (dueMs <= untilMs) {
          this.#hosts[turn % this.#hosts.length]?.due(dueMs);
          turn += 1;
          dueMs += gapOfChanceMs(perMs);
        }
        if (untilMs < endMs) setTimeout(pass, 1);
        else resolve();
      };
      pass();
    });
  }

  /** Waits for the answers that are still to come; those that never come are failures. */
  async settle(figures: OpenLoopFigures): Promise<void> {
    const untilMs = performance.now() + LAST_ANSWER_MS;
    const count = () => this.#hosts.filter((host) => host.isBusy).length;
    while (count() > 0 && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (count() > 0) figures.lose(count(), `no answer within ${LAST_ANSWER_MS / 1000} s`);
  }

  close(): void {
    for (const host of this.#hosts) host.close();
  }
}
