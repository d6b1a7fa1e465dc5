/** Half of what the server can take, as it comes: what a post is delayed by where nothing is short. */
import type { IngestSubject } from './ingest-subject.ts';
import type { OpenLoop } from './open-loop.ts';
import { besideLimit, figure, say } from './samples.ts';

const MAX_P99_MS = 25;

/** Returns the p99 of the delays. */
export async function measureHalf(
  { server }: IngestSubject,
  loop: OpenLoop,
  perSecond: number,
  seconds: number,
): Promise<number> {
  const cpuBefore = server.figures().cpuSeconds;
  const figures = await loop.run(perSecond, seconds, { whenBusy: 'wait', isPolite: false });
  const cores = (server.figures().cpuSeconds - cpuBefore) / figures.seconds;
  await loop.settle(figures);
  const { fromDueMs, fromSendMs } = figures;
  const p99 = fromDueMs.percentile(99);
  say('half of the maximum', `${figure(figures.offered / figures.seconds)} posts/s for ${figure(figures.seconds)} s`);
  say('  p50 from due', `${figure(fromDueMs.percentile(50), 1)} ms`);
  say('  p99 from due', besideLimit(p99, 'ms', MAX_P99_MS, 1));
  say('  p100 from due', `${figure(fromDueMs.percentile(100), 1)} ms`);
  say('  p99 from sending', `${figure(fromSendMs.percentile(99), 1)} ms`);
  say('  used', `${figure(cores, 2)} cores, the generator ${figure(figures.generatorCores, 2)}`);
  figures.reportAnswers();
  return p99;
}
