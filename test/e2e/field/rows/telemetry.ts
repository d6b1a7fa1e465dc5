/** The telemetry gate as it is delivered: ticks of 30 s, a soak of 60 s. */
import assert from 'node:assert/strict';
import { shell, WELL } from '../../support/sample-stack.ts';
import { startPhantomHost } from '../phantom-host.ts';
import type { FieldRow } from '../row.ts';
import type { Site } from '../site.ts';

/** Little more than the shortest soak that can be judged. */
const BRIEF = { soak_seconds: 50, sustained_failure_seconds: 5 };
const AS_DELIVERED = { soak_seconds: 60, sustained_failure_seconds: 15 };

/** Takes so many MiB each second on its own heap, for so many seconds, and keeps them. */
function grows(megabytesPerSecond: number, seconds: number): string[] {
  const pieces = megabytesPerSecond * 16;
  const work = `for (s = 0; s < ${seconds}; s++) { for (n = 0; n < ${pieces}; n++) kept[i++] = sprintf("%65536s", "x"); system("sleep 1") } system("sleep 3600")`;
  return shell('touch /ok', `awk 'BEGIN { ${work} }' & wait`);
}

const LEAK = grows(2, 3600);
const LEAK_WORDS = /because its telemetry regressed \(memory grows by \d+(?:\.\d+)? MiB\/min/;

async function catchesALeak(site: Site, options: { readonly mode?: string } = {}): Promise<void> {
  const telemetry = options.mode ?? 'judged';
  const v1 = await site.release('1', { web: WELL });
  const v2 = await site.release('2', { web: LEAK }, { policy: { ...AS_DELIVERED, telemetry } });
  await site.deploy(v1);
  await site.expectBack(await site.begin(v2), v1, {
    quarantine: ['telemetry'],
    explain: LEAK_WORDS,
  });
}

export const telemetryRows: readonly FieldRow[] = [
  {
    stack: 'leak',
    promise: 'a leak of 120 MiB a minute is caught at the intervals that are delivered',
    intervalSeconds: 30,
    isLong: true,
    story: (site) => catchesALeak(site),
  },
  {
    stack: 'leakrequired',
    promise: 'a soak that requires telemetry catches it too',
    intervalSeconds: 30,
    isLong: true,
    story: (site) => catchesALeak(site, { mode: 'required' }),
  },
  {
    stack: 'notjudged',
    promise: 'a soak that was too short to judge says so, and one that requires telemetry holds until it is judged',
    intervalSeconds: 30,
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL }, { policy: { telemetry: 'judged' } });
      assert.match(await site.plan(v1), /soak of 2 s is too short to judge/);
      const rollout = await site.begin(v1);
      const { hosts } = await site.reaches(rollout, 'converged');
      assert.equal(hosts[0]?.telemetry?.status, 'not_judged');
      await site.requireExplained(rollout, /its telemetry was not judged/);
      const v2 = await site.release(
        '2',
        { web: { runs: WELL, environment: { VERSION: '2' } } },
        { policy: { telemetry: 'required' } },
      );
      const required = await site.begin(v2);
      await site.hostReaches(required, site.host, 'soaking');
      await site.requireExplained(required, /not been judged yet.*, which the release requires/);
      const ended = await site.reaches(required, 'converged');
      assert.equal(ended.hosts[0]?.telemetry?.status, 'ok');
    },
  },
  {
    stack: 'halfsick',
    promise: 'a service that is unhealthy for four of every eight seconds does not converge',
    intervalSeconds: 30,
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const flaps = shell('touch /ok', 'sleep 8', 'while true; do rm -f /ok; sleep 4; touch /ok; sleep 4; done');
      const v2 = await site.release('2', { web: flaps }, { policy: AS_DELIVERED });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'reverted');
      await site.requireRuns(site.host, v1);
      await site.requireExplained(rollout, /unhealthy for \d+(?:\.\d+)? s/);
    },
  },
  {
    stack: 'warmup',
    promise: 'a first deploy that warms up and then stays as it is converges',
    intervalSeconds: 5,
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: grows(1, 75) }, { policy: { ...AS_DELIVERED, soak_seconds: 90 } });
      await site.deploy(v1);
    },
  },
  {
    stack: 'firstleak',
    promise: 'a first deploy that would fill its memory within the hour is removed',
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: { runs: LEAK, mem_limit: '400m' } }, { policy: BRIEF });
      await site.expectBack(await site.begin(v1), null, {
        quarantine: ['telemetry'],
        explain: /memory grows by \d+(?:\.\d+)? MiB\/min, at which it is full in \d min/,
      });
    },
  },
  {
    stack: 'leakagain',
    promise: 'a leak that was rolled back does not excuse the next one',
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      for (const version of ['2', '3']) {
        const web = { runs: LEAK, environment: { VERSION: version } };
        const leak = await site.release(version, { web }, { policy: BRIEF });
        await site.expectBack(await site.begin(leak), v1, { quarantine: ['telemetry'], explain: LEAK_WORDS });
      }
    },
  },
  {
    stack: 'lyingpeers',
    promise: 'hosts that report impossible memory excuse no leak of another one',
    intervalSeconds: 30,
    isLong: true,
    story: async (site) => {
      const names = [1, 2, 3].map((number) => `lyingpeers-phantom-${number}`);
      for (const name of names) {
        await startPhantomHost(site.test, site.operator, {
          name,
          stack: site.stack,
          serverUrl: site.server.url,
          intervalSeconds: 5,
          memoryMb: (seconds) => 100_000 + seconds * 500,
        });
      }
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: LEAK }, { policy: AS_DELIVERED });
      await site.deploy(v1);
      const { id } = await site.operator.createRollout({ release: v2.digest, hosts: [site.host.name, ...names] });
      const rollout = await site.known(id, v2);
      await site.hostReaches(rollout, site.host, 'reverted');
      await site.requireRuns(site.host, v1);
      await site.requireExplained(rollout, LEAK_WORDS);
    },
  },
  {
    stack: 'clockback',
    promise: 'a clock that is set back in the soak switches no gate off',
    intervalSeconds: 30,
    clock: 'steppable',
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: LEAK }, { policy: AS_DELIVERED });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.setClock(-240);
      await site.expectBack(rollout, v1, { quarantine: ['telemetry'], explain: LEAK_WORDS });
    },
  },
  {
    stack: 'clockahead',
    promise: 'a clock that is set ahead in the soak neither ends it early nor switches the gate off',
    intervalSeconds: 30,
    clock: 'steppable',
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: LEAK }, { policy: AS_DELIVERED });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.setClock(240);
      await site.expectBack(rollout, v1, { quarantine: ['telemetry'], explain: LEAK_WORDS });
    },
  },
];
