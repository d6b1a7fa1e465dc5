/** Series that look like programs, tick by tick, and what the gate makes of them and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TELEMETRY_LIMITS, type TelemetryLimits } from '../../../src/domain/release.ts';
import type { TelemetryVerdict } from '../../../src/domain/rollout.ts';
import { isNews, judgeTelemetry } from '../../../src/rollout/telemetry-gate/judge-telemetry.ts';
import {
  lowerMedian,
  median,
  slopePerMinute,
  steepestPerMinute,
} from '../../../src/rollout/telemetry-gate/memory-slope.ts';
import type { StackSample, StackSeries } from '../../../src/rollout/telemetry-gate/stack-series.ts';
import { SeededRandom } from '../../domain/seeded-random.ts';

const TICK_SECONDS = 5;
const SUSTAINED_SECONDS = 30;
const SOAK_SECONDS = 60;
/** Of the host, and of the one container. */
const HOST_MB = 8_000;

/** Megabytes, and percent of one core, by the seconds since the soak began. */
interface Program {
  readonly memory: (second: number, noise: () => number) => number;
  readonly cpu?: (second: number) => number;
  readonly limitMb?: number;
}

const flat: Program = { memory: () => 200 };
const noisy: Program = { memory: (_, noise) => 200 + 10 * noise() };
const growing = (mbPerMinute: number, spread = 0): Program => ({
  memory: (second, noise) => 200 + (mbPerMinute * second) / 60 + spread * noise(),
});
/** Takes `mb` more in the end, most of it within `seconds`. */
const warmingUp = (mb: number, seconds: number): Program => ({
  memory: (second, noise) => 200 + mb * (1 - Math.exp(-second / seconds)) + noise(),
});
/** Takes `mb` more in `seconds`, steadily, and then stays as it is. */
const filling = (mb: number, seconds: number, from = 200): Program => ({
  memory: (second) => from + mb * Math.min(1, second / seconds),
});
const holding = (mb: number): Program => ({ memory: () => mb });
const limited = (program: Program, limitMb: number): Program => ({ ...program, limitMb });
const sawtooth: Program = { memory: (second) => 200 + (((second % 90) + 90) % 90) };

function series(
  program: Program,
  fromSecond: number,
  toSecond: number,
  random: SeededRandom,
  tick = TICK_SECONDS,
): StackSeries {
  const noise = (): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  const samples: StackSample[] = [];
  for (let second = fromSecond; second <= toSecond; second += tick) {
    const memoryMb = Math.round(program.memory(second, noise));
    const containers = [{ container: 1, usedMb: memoryMb, limitMb: program.limitMb ?? HOST_MB }];
    const cpuPercent = program.cpu?.(second) ?? 5;
    samples.push({ atMs: second * 1000, memoryMb, cpuPercent, containers, hostFreeMb: HOST_MB - memoryMb });
  }
  return { samples, restarts: 0, unhealthySeconds: 0 };
}

const SILENT = { samples: [], restarts: 0, unhealthySeconds: 0 };

interface Watched {
  readonly final: TelemetryVerdict;
  readonly watchedAtSecond: number | null;
  readonly regressedAtSecond: number | null;
}

interface Setting {
  readonly before?: Program | null;
  readonly peers?: readonly Program[];
  readonly seconds?: number;
  readonly soakSeconds?: number;
  /** How long the stack ran before. */
  readonly beforeSeconds?: number;
  readonly tick?: number;
  readonly restarts?: number;
  readonly unhealthySeconds?: number;
  readonly limits?: Partial<TelemetryLimits>;
  readonly seed?: number;
}

/** Judges a soak at every tick of it, as the server does. */
function watch(program: Program, setting: Setting = {}): Watched {
  const { before = flat, peers = [], seconds = 240, tick = TICK_SECONDS, seed = 1 } = setting;
  const { soakSeconds = SOAK_SECONDS, beforeSeconds = 300 } = setting;
  const random = new SeededRandom(seed);
  const soak = series(program, 0, seconds, random, tick);
  const baseline = before === null ? null : series(before, -beforeSeconds, -tick, random, tick);
  const peerSeries = peers.map((peer) => series(peer, -300, 0, random, tick));
  const limits = { ...DEFAULT_TELEMETRY_LIMITS, ...setting.limits };
  const { restarts = 0, unhealthySeconds = 0 } = setting;
  let verdict: TelemetryVerdict | null = null;
  let watchedAtSecond: number | null = null;
  let regressedAtSecond: number | null = null;
  for (let count = 1; count <= soak.samples.length; count += 1) {
    const seen = { samples: soak.samples.slice(0, count), restarts, unhealthySeconds };
    const nowMs: number = seen.samples.at(-1)?.atMs ?? 0;
    const isSoakOver = nowMs >= soakSeconds * 1000;
    const telemetry = { soakStartedAtMs: 0, isSoakOver, soak: seen, baseline, peers: peerSeries };
    verdict = judgeTelemetry(limits, SUSTAINED_SECONDS, telemetry, verdict, nowMs);
    if (verdict.status === 'watch') watchedAtSecond ??= nowMs / 1000;
    if (verdict.status === 'regressed') regressedAtSecond ??= nowMs / 1000;
  }
  assert(verdict !== null);
  return { final: verdict, watchedAtSecond, regressedAtSecond };
}

for (const mbPerMinute of [20, 30, 60, 120, 1_000]) {
  test(`a leak of ${mbPerMinute} MiB/min is seen after 35 s and regressed after 65 s`, () => {
    const { watchedAtSecond, regressedAtSecond } = watch(growing(mbPerMinute));
    assert.deepEqual([watchedAtSecond, regressedAtSecond], [35, 65]);
  });
}

for (const { mbPerMinute, spread } of [
  { mbPerMinute: 30, spread: 1 },
  { mbPerMinute: 60, spread: 2 },
  { mbPerMinute: 60, spread: 5 },
  { mbPerMinute: 120, spread: 5 },
]) {
  test(`a leak of ${mbPerMinute} MiB/min under a noise of ${spread} MiB is regressed within 90 s, nine times in ten`, () => {
    const late = Array.from({ length: 100 }, (_, seed) => watch(growing(mbPerMinute, spread), { seed })).filter(
      ({ regressedAtSecond }) => regressedAtSecond === null || regressedAtSecond > 90,
    );
    assert.ok(late.length <= 10, `${late.length} of 100 came later`);
  });
}

for (const { given, program, setting } of [
  { given: 'flat memory', program: flat },
  { given: 'flat memory under noise', program: noisy },
  { given: 'flat memory under noise, on a first deploy', program: noisy, setting: { before: null } },
  { given: '200 MiB of warm-up within 5 s', program: warmingUp(200, 5), setting: { before: null } },
  { given: '500 MiB of warm-up within 10 s', program: warmingUp(500, 10), setting: { before: null } },
  { given: '500 MiB of warm-up within 20 s', program: warmingUp(500, 20), setting: { before: null } },
  { given: 'growth below the limit', program: growing(15, 1) },
  { given: 'a sawtooth that it was before', program: sawtooth, setting: { before: sawtooth } },
  {
    given: 'growth that its peers show as well',
    program: growing(60),
    setting: { before: growing(35), peers: [growing(60), growing(62), growing(70)] },
  },
  { given: 'growth that it showed before', program: growing(60), setting: { before: growing(55) } },
  { given: 'shrinking memory', program: growing(-60) },
] as ReadonlyArray<{ given: string; program: Program; setting?: Setting }>) {
  test(`no regression by ${given}`, () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { final, regressedAtSecond } = watch(program, { ...setting, seed });
      assert.equal(regressedAtSecond, null, final.reason);
    }
  });
}

test('a leak behind a warm-up is regressed all the same', () => {
  const program: Program = { memory: (second) => 200 + 100 * (1 - Math.exp(-second / 10)) + second };
  const { regressedAtSecond } = watch(program);
  assert.ok(regressedAtSecond !== null && regressedAtSecond <= 110, `after ${regressedAtSecond} s`);
});

test('a leak on a first deploy is seen at the end of the soak, and regressed when memory would be full in an hour', () => {
  const small = watch(limited(growing(60), 1_000), { before: null, seconds: 90 });
  assert.deepEqual([small.watchedAtSecond, small.regressedAtSecond], [60, 90]);
  assert.equal(small.final.reason, 'memory grows by 60 MiB/min, at which it is full in 11 min');
  const large = watch(growing(60), { before: null, seconds: 600 });
  assert.deepEqual([large.watchedAtSecond, large.regressedAtSecond, large.final.status], [60, null, 'watch']);
  assert.equal(
    large.final.reason,
    'memory grows by 60 MiB/min at the end of the soak, and nothing ran here before to compare that with',
  );
});

for (const { given, program, setting } of [
  { given: 'a first deploy', program: filling(75, 75), setting: { before: null } },
  {
    given: 'a first deploy in a container that has little more',
    program: limited(filling(75, 75), 400),
    setting: { before: null, soakSeconds: 90 },
  },
  { given: 'a release whose predecessor held as much', program: filling(75, 75, 5), setting: { before: holding(80) } },
  {
    given: 'a release whose predecessor had just begun',
    program: filling(75, 75, 5),
    setting: { before: holding(80), beforeSeconds: 5 },
  },
] as ReadonlyArray<{ given: string; program: Program; setting: Setting }>) {
  test(`75 MiB of warm-up in 75 s, then flat, is no regression of ${given}, and ends as ok`, () => {
    const { final, regressedAtSecond } = watch(program, setting);
    assert.deepEqual([regressedAtSecond, final.status], [null, 'ok'], final.reason);
  });
}

test('a release that fills the memory of the one before and goes on is a leak', () => {
  const { watchedAtSecond, regressedAtSecond } = watch(growing(60), { before: holding(290) });
  assert.deepEqual([watchedAtSecond, regressedAtSecond], [60, 125]);
});

test('a leak is not excused by peers where the own growth before is not known', () => {
  const peers = Array(5).fill(growing(60));
  const first = watch(limited(growing(60), 1_000), { before: null, peers, seconds: 120 });
  assert.equal(first.final.status, 'regressed');
  assert.equal(watch(growing(60), { beforeSeconds: 5, peers, seconds: 120 }).final.status, 'regressed');
});

test('a leak is not excused by the same leak of a release that was rolled back before', () => {
  const random = new SeededRandom(1);
  const numbered = ({ samples }: StackSeries, container: number): readonly StackSample[] =>
    samples.map((sample) => ({ ...sample, containers: [{ container, usedMb: sample.memoryMb, limitMb: HOST_MB }] }));
  const failed = numbered(series(growing(120), -600, -305, random), 2);
  const back = numbered(series(flat, -300, -5, random), 3);
  const baseline = { ...SILENT, samples: [...failed, ...back] };
  const seen = {
    soakStartedAtMs: 0,
    isSoakOver: false,
    soak: series(growing(120), 0, 60, random),
    baseline,
    peers: [],
  };
  const { status, figures } = judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, 0, seen, null, 60_000);
  assert.deepEqual([status, figures['baseline_memory_growth_mb_per_minute']], ['regressed', 0]);
});

test('a leak after a release that ran too shortly for a slope is seen at the end of the soak', () => {
  const { watchedAtSecond, regressedAtSecond, final } = watch(growing(120), { beforeSeconds: 5, seconds: 95 });
  assert.deepEqual([watchedAtSecond, regressedAtSecond], [60, 90]);
  assert.equal(final.reason, 'memory grows by 120 MiB/min beyond the 200 MiB of before');
});

for (const { given, before, peers, regressedAtSecond } of [
  {
    given: 'two peers that grow as fast',
    before: growing(35),
    peers: [growing(60), growing(60)],
    regressedAtSecond: 65,
  },
  {
    given: 'peers that grow while it was flat before',
    before: flat,
    peers: Array(5).fill(growing(60)),
    regressedAtSecond: 65,
  },
  {
    given: 'peers that grow a hundred times as fast',
    before: growing(5),
    peers: Array(5).fill(growing(5_000)),
    regressedAtSecond: 65,
  },
  {
    given: 'two of four peers',
    before: growing(35),
    peers: [growing(60), growing(60), flat, flat],
    regressedAtSecond: 65,
  },
] as ReadonlyArray<{ given: string; before: Program; peers: readonly Program[]; regressedAtSecond: number }>) {
  test(`a leak of 60 MiB/min is not excused by ${given}`, () => {
    assert.equal(watch(growing(60), { before, peers }).regressedAtSecond, regressedAtSecond);
  });
}

test('a leak is seen by ticks of 30 s as well, only later', () => {
  const { watchedAtSecond, regressedAtSecond } = watch(growing(60), { tick: 30 });
  assert.deepEqual([watchedAtSecond, regressedAtSecond], [120, 150]);
});

test('the sentence of a leak carries the figures', () => {
  const { final } = watch(growing(60), { before: growing(12), seconds: 100 });
  assert.equal(final.reason, 'memory grows by 60 MiB/min, usual is 12, at most 16 more is allowed');
  assert.deepEqual(final.figures, {
    samples: 11,
    memory_growth_mb_per_minute: 60,
    baseline_memory_growth_mb_per_minute: 12,
    peers_memory_growth_mb_per_minute: null,
    cpu_percent: 5,
    baseline_cpu_percent: 5,
    peers_cpu_percent: null,
    restarts: 0,
    unhealthy_seconds: 0,
    memory_mb: 265,
    baseline_memory_mb: 169.5,
    peers_memory_mb: null,
    minutes_until_memory_is_full: 128.9,
    limits_exceeded: 1,
  });
});

test('a soak in order says what was measured', () => {
  const { final } = watch(flat, { seconds: 60 });
  assert.equal(final.status, 'ok');
  assert.equal(final.reason, 'memory grows by 0 MiB/min, CPU at 5%, 0 restarts, unhealthy for 0 s');
});

test('nothing is ok before both memory and CPU were judged', () => {
  const after = (seconds: number) => watch(flat, { seconds }).final;
  assert.deepEqual(
    [after(20), after(25), after(35)].map(({ status, reason }) => [status, reason]),
    [
      ['not_judged', 'not judged: too few samples yet to judge its memory and CPU'],
      ['not_judged', 'not judged: too few samples yet to judge its memory'],
      ['ok', 'memory grows by 0 MiB/min, CPU at 5%, 0 restarts, unhealthy for 0 s'],
    ],
  );
});

const busy = (percent: number): Program => ({ ...flat, cpu: () => percent });

for (const { given, program, setting, status } of [
  { given: 'five times the CPU of before', program: busy(200), setting: { before: busy(40) }, status: 'regressed' },
  { given: 'twice the CPU of before', program: busy(80), setting: { before: busy(40) }, status: 'ok' },
  { given: 'ten times a CPU that is next to nothing', program: busy(20), setting: { before: busy(2) }, status: 'ok' },
  { given: 'exactly three times the CPU of before', program: busy(120), setting: { before: busy(40) }, status: 'ok' },
  { given: 'exactly a CPU that is next to nothing', program: busy(25), setting: { before: busy(2) }, status: 'ok' },
  { given: 'CPU where there was none', program: busy(30), setting: { before: busy(0) }, status: 'regressed' },
  { given: 'a CPU that nothing compares to', program: busy(300), setting: { before: null }, status: 'ok' },
  {
    given: 'five times the CPU of before, as on its peers',
    program: busy(200),
    setting: { before: busy(70), peers: [busy(180), busy(190), busy(170)] },
    status: 'ok',
  },
  {
    given: 'five times the CPU of before, as on two peers',
    program: busy(200),
    setting: { before: busy(40), peers: [busy(180), busy(180)] },
    status: 'regressed',
  },
  {
    given: 'ten times the CPU of before, as on peers that did forty times as much',
    program: busy(400),
    setting: { before: busy(40), peers: [busy(1600), busy(1600), busy(1600)] },
    status: 'regressed',
  },
  {
    given: 'CPU on a first deploy as on its peers',
    program: busy(200),
    setting: { before: null, peers: [busy(180), busy(180), busy(180)] },
    status: 'ok',
  },
  {
    given: 'four times the CPU of its peers on a first deploy',
    program: busy(200),
    setting: { before: null, peers: [busy(50), busy(50), busy(50)] },
    status: 'regressed',
  },
  {
    given: 'a burst of CPU of 20 s',
    program: { ...flat, cpu: (second) => (second >= 100 && second < 120 ? 400 : 5) },
    setting: { before: busy(5) },
    status: 'ok',
  },
  { given: 'two restarts', program: flat, setting: { restarts: 2 }, status: 'ok' },
  { given: 'three restarts', program: flat, setting: { restarts: 3 }, status: 'regressed' },
  { given: '30 s unhealthy', program: flat, setting: { unhealthySeconds: 30 }, status: 'ok' },
  { given: '31 s unhealthy', program: flat, setting: { unhealthySeconds: 31 }, status: 'regressed' },
  {
    given: 'all of it with the gate off',
    program: growing(90),
    setting: { limits: { mode: 'off' } },
    status: 'not_judged',
  },
  {
    given: 'a leak that the limits allow',
    program: growing(60),
    setting: { limits: { maxMemoryGrowthMbPerMinute: 64 } },
    status: 'ok',
  },
] as ReadonlyArray<{ given: string; program: Program; setting: Setting; status: TelemetryVerdict['status'] }>) {
  test(`${given}: ${status}`, () => assert.equal(watch(program, setting).final.status, status));
}

test('every limit that is passed is named', () => {
  const { reason } = watch(busy(200), { before: busy(40), restarts: 3, unhealthySeconds: 44.04 }).final;
  assert.equal(
    reason,
    'CPU is at 200%, usual is 40%, at most 3 times that is allowed; ' +
      'a container restarted 3 times, at most 2 is allowed; ' +
      'containers were unhealthy for 44 s, at most 30 s is allowed',
  );
});

const before = series(flat, -300, -TICK_SECONDS, new SeededRandom(1));
const silence = { soakStartedAtMs: 0, isSoakOver: false, soak: SILENT, baseline: before, peers: [] };

test('a soak without telemetry of the stack is not judged', () => {
  assert.deepEqual(judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, silence, null, 7_000), {
    status: 'not_judged',
    sinceMs: 7_000,
    reason: 'not judged: no telemetry of the stack arrived in the soak',
    figures: {},
  });
});

test('silence neither clears a suspicion nor confirms it', () => {
  const suspicion: TelemetryVerdict = { status: 'watch', sinceMs: 0, reason: 'memory grows', figures: {} };
  assert.equal(judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, silence, suspicion, 900_000), suspicion);
  const leak = { ...silence, soak: series(growing(60), 0, 45, new SeededRandom(1)) };
  const first = judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, leak, null, 45_000);
  const later = judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, leak, first, 900_000);
  assert.deepEqual([first.status, later.status], ['watch', 'watch']);
});

test('samples with memory alone are judged by it, and samples with neither figure count as silence', () => {
  const judge = (sample: (taken: StackSample) => StackSample) => {
    const leak = series(growing(60), 0, 45, new SeededRandom(1));
    const soak = { ...leak, samples: leak.samples.map(sample) };
    return judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, { ...silence, soak }, null, 45_000).status;
  };
  assert.equal(
    judge((sample) => ({ ...sample, cpuPercent: null })),
    'watch',
  );
  assert.equal(
    judge((sample) => ({ ...sample, memoryMb: null })),
    'not_judged',
  );
  assert.equal(
    judge((sample) => ({ ...sample, memoryMb: null, cpuPercent: null })),
    'not_judged',
  );
});

test('a regression stays, whatever comes after it', () => {
  const { final } = watch(growing(60), { seconds: 70 });
  assert.equal(final.status, 'regressed');
  const well = { ...silence, soak: series(flat, 0, 200, new SeededRandom(1)) };
  assert.equal(judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, well, final, 200_000), final);
});

test('a suspicion of what can no longer be judged stays', () => {
  const leak = { ...silence, soak: series(growing(60), 0, 45, new SeededRandom(1)) };
  const suspicion = judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, leak, null, 45_000);
  const blind = series(growing(60), 0, 60, new SeededRandom(1)).samples.map((one) => ({ ...one, memoryMb: null }));
  const later = { ...silence, soak: { ...SILENT, samples: blind } };
  assert.equal(judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, later, suspicion, 60_000), suspicion);
});

test('memory that has not settled is news again once it is beyond a limit, and is given its whole time then', () => {
  const judge = (seconds: number, previous: TelemetryVerdict | null): TelemetryVerdict => {
    const soak = series(growing(60), 0, seconds, new SeededRandom(1));
    const seen = {
      ...silence,
      isSoakOver: seconds >= 60,
      soak,
      baseline: series(holding(290), -300, -5, new SeededRandom(1)),
    };
    return judgeTelemetry(DEFAULT_TELEMETRY_LIMITS, SUSTAINED_SECONDS, seen, previous, seconds * 1000);
  };
  const unsettled = judge(85, null);
  const beyond = judge(95, unsettled);
  assert.deepEqual(
    [unsettled, beyond].map(({ status, sinceMs, figures }) => [status, sinceMs, figures['limits_exceeded']]),
    [
      ['watch', 85_000, 0],
      ['watch', 95_000, 1],
    ],
  );
  assert.equal(isNews(unsettled, beyond, true), true);
  assert.equal(judge(125, beyond).status, 'regressed');
});

test('only a status that changes is news', () => {
  const ok: TelemetryVerdict = { status: 'ok', sinceMs: 1, reason: '', figures: {} };
  assert.equal(isNews(null, ok, false), true);
  assert.equal(isNews(ok, { ...ok, sinceMs: 2, reason: 'other figures' }, true), false);
  assert.equal(isNews(ok, { ...ok, status: 'watch' }, false), true);
  const silent: TelemetryVerdict = { ...ok, status: 'not_judged' };
  assert.equal(isNews(null, silent, false), false, 'while the soak goes on telemetry may still come');
  assert.equal(isNews(null, silent, true), true);
  assert.equal(isNews(silent, silent, true), false);
});

test('a slope wants four samples over twenty seconds', () => {
  const readings = (...seconds: number[]) => seconds.map((second) => ({ atMs: second * 1000, value: second }));
  assert.equal(slopePerMinute(readings(0, 10, 20)), null);
  assert.equal(slopePerMinute(readings(0, 5, 10, 15)), null);
  assert.equal(slopePerMinute(readings(0, 5, 10, 20)), 60);
  assert.equal(steepestPerMinute([]), null);
});

test('one sample that is far off moves no slope', () => {
  const readings = Array.from({ length: 12 }, (_, index) => ({
    atMs: index * 5_000,
    value: index === 7 ? 9_000 : 200,
  }));
  assert.equal(slopePerMinute(readings), 0);
});

test('the median of an even count lies between the middle two', () => {
  assert.deepEqual([median([]), median([3]), median([4, 1]), median([9, 1, 5])], [null, 3, 2.5, 5]);
  assert.deepEqual([lowerMedian([]), lowerMedian([4, 1]), lowerMedian([9, 1, 5])], [null, 1, 5]);
});
