/** Several times what the server can take, for a while, from hosts that do not let themselves be slowed down. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Feed } from './feed.ts';
import type { IngestSubject } from './ingest-subject.ts';
import { KeptConnection, type Target, targetOf } from './kept-connection.ts';
import type { OpenLoop, OpenLoopFigures } from './open-loop.ts';
import { besideLimit, fail, figure, ratio, type Samples, say } from './samples.ts';

const FACTOR = 3;
const MAX_RECOVERY_SECONDS = 5;
const PROBE_GAP_MS = 10;
/** Nobody waits longer for a server to be itself again. */
const PROBE_LIMIT_SECONDS = 60;
/** It posts no more once the overload has ended. */
const PROBE_HOST = 0;
/** Less than this share of the wanted posts, and the generator was the limit. */
const ENOUGH = 0.98;

export interface OverloadChoice {
  readonly seconds: number;
  readonly isPolite: boolean;
  /** Posts a second as fast as the server answers. */
  readonly peakPerSecond: number;
  /** A post that takes no longer shows that all is well again. */
  readonly usualMs: number;
}

/** Milliseconds that a post of the probe took; infinitely many where it was sent away. */
async function probeOnce(probe: KeptConnection, feed: Feed): Promise<number> {
  const tick = feed.nextTick(PROBE_HOST);
  const sentMs = performance.now();
  const { status } = await probe.post(feed.request(PROBE_HOST, tick));
  const tookMs = performance.now() - sentMs;
  if (status !== 204) return Number.POSITIVE_INFINITY;
  feed.acknowledge(PROBE_HOST, tick);
  return tookMs;
}

/** Seconds until a post on a new connection is taken as quickly as it usually is. */
async function recover(feed: Feed, target: Target, usualMs: number): Promise<number> {
  const beganMs = performance.now();
  const secondsSince = () => (performance.now() - beganMs) / 1000;
  try {
    const probe = await KeptConnection.open(target);
    while (secondsSince() < PROBE_LIMIT_SECONDS) {
      if ((await probeOnce(probe, feed)) <= usualMs) return secondsSince();
      await sleep(PROBE_GAP_MS);
    }
  } catch (error) {
    fail('the probe after the overload', error instanceof Error ? error.message : String(error));
  }
  return Number.POSITIVE_INFINITY;
}

function delays(samples: Samples): string {
  return `p50 ${figure(samples.percentile(50), 1)} ms; p99 ${figure(samples.percentile(99), 1)} ms`;
}

function reportOffer(figures: OpenLoopFigures, wantedPerSecond: number): void {
  const perSecond = figures.offered / figures.seconds;
  const manner = `${figure(perSecond)} posts/s offered for ${figure(figures.seconds)} s`;
  const shortfall =
    perSecond < ENOUGH * wantedPerSecond ? `; ${figure(wantedPerSecond)} were wanted: the generator was the limit` : '';
  say(`overload: ${FACTOR} × the maximum`, `${manner}${shortfall}`);
  const cells = [
    `${figure(figures.sent)} sent`,
    `${figure(figures.skipped)} not, as the host's last one was unanswered`,
    `${figure(figures.heldBack)} held back, as Retry-After asks`,
  ];
  say('  posts', cells.join('; '));
}

export async function measureOverload(
  { server, feed }: IngestSubject,
  loop: OpenLoop,
  choice: OverloadChoice,
): Promise<void> {
  const wantedPerSecond = FACTOR * choice.peakPerSecond;
  const cpuBefore = server.figures().cpuSeconds;
  const figures = await loop.run(wantedPerSecond, choice.seconds, { whenBusy: 'skip', isPolite: choice.isPolite });
  const { rssMb, peakRssMb, cpuSeconds } = server.figures();
  const goodput = (figures.statuses.get(204) ?? 0) / figures.seconds;
  const recoverySeconds = await recover(feed, targetOf(server.url), choice.usualMs);
  await loop.settle(figures);
  const cores = (cpuSeconds - cpuBefore) / figures.seconds;
  reportOffer(figures, wantedPerSecond);
  figures.reportAnswers();
  say('  taken, from due', delays(figures.fromDueMs));
  say('  taken, from sending', delays(figures.fromSendMs));
  say('  goodput', `${figure(goodput)} posts/s, ${ratio(goodput, choice.peakPerSecond)} of the maximum`);
  say('  memory of the server', `RSS ${figure(rssMb)} MB, at most ${figure(peakRssMb)} MB`);
  say('  used', `${figure(cores, 2)} cores, the generator ${figure(figures.generatorCores, 2)}`);
  say(
    `  until a post takes ≤ ${figure(choice.usualMs, 1)} ms`,
    besideLimit(recoverySeconds, 's', MAX_RECOVERY_SECONDS, 2),
  );
}
