/** Releases that come up well and go bad while they are watched. */
import assert from 'node:assert/strict';
import { sicken } from '../../support/deployed-stack.ts';
import { shell, WELL } from '../../support/sample-stack.ts';
import type { ServiceKeys } from '../compose-project.ts';
import type { FieldRow } from '../row.ts';
import { endsAfter, PAGES } from '../services.ts';
import type { Site } from '../site.ts';

const LONG_SOAK = { soak_seconds: 60 };
const PROBE = { mode: 'enforce', interval_seconds: 0.5, timeout_seconds: 2 } as const;

/** Release 1 is well; release 2 comes up, is seen in its soak, and goes bad in it. */
async function goesBad(
  site: Site,
  web: ServiceKeys,
  words: RegExp,
  probe: string,
  /** What makes it go bad, unless it does so by itself. */
  spoil?: () => Promise<void>,
): Promise<void> {
  const v1 = await site.release('1', { web: WELL });
  const v2 = await site.release('2', { web }, { policy: LONG_SOAK });
  await site.deploy(v1);
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'soaking');
  await spoil?.();
  await site.expect(rollout, {
    rollout: 'halted',
    hosts: ['reverted'],
    runs: v1,
    quarantine: [probe],
    explain: words,
    replaced: ['web'],
  });
}

/** Somebody does something to the only container of a good release in its soak. */
async function isMeddledWith(
  site: Site,
  meddle: (container: string) => Promise<unknown>,
  words: RegExp,
): Promise<void> {
  const v1 = await site.release('1', { web: WELL });
  const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } }, { policy: LONG_SOAK });
  await site.deploy(v1);
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'soaking');
  await meddle((await site.host.container('web')).id);
  await site.expect(rollout, {
    rollout: 'halted',
    hosts: ['reverted'],
    runs: v1,
    quarantine: ['health:web'],
    explain: words,
  });
}

export const soakRows: readonly FieldRow[] = [
  {
    stack: 'turnsick',
    promise: 'a service that gets unhealthy in its soak goes back, and the words of its healthcheck are kept',
    story: (site) => {
      const healthcheck = {
        test: ['CMD-SHELL', 'test -f /ok || { echo the cache is full; exit 1; }'],
        interval: '1s',
        retries: 1,
      };
      return goesBad(
        site,
        { runs: WELL, healthcheck },
        /turnsick-web-1 is unhealthy: the cache is full/,
        'health:web',
        () => sicken(site.host.engine, 'turnsick-web-1'),
      );
    },
  },
  {
    stack: 'crash',
    promise: 'a service that crashes in its soak and is not restarted goes back, with its exit code',
    story: (site) =>
      goesBad(site, { ...endsAfter(4, 7), restart: 'no' }, /crash-web-1 has exited with code 7/, 'running:web'),
  },
  {
    stack: 'loop',
    promise: 'a service that crashes every second under "restart: always" goes back',
    story: (site) =>
      goesBad(
        site,
        endsAfter(1, 1),
        /loop-web-1 (?:restarts in a loop|has just restarted|is restarting)/,
        'running:web',
      ),
  },
  {
    stack: 'memory',
    promise: 'a service that needs more memory than its limit goes back',
    story: (site) => {
      const eats = shell(
        'touch /ok',
        'sleep 4',
        `awk 'BEGIN { s = "x"; while (1) s = s s }'`,
        'rm /ok',
        'sleep 3600 & wait',
      );
      return goesBad(
        site,
        { runs: eats, mem_limit: '24m', memswap_limit: '24m' },
        /memory-web-1 is unhealthy/,
        'health:web',
      );
    },
  },
  {
    stack: 'removed',
    promise: 'a container that somebody removes in the soak is missed',
    story: (site) =>
      isMeddledWith(site, (id) => site.host.docker('rm', '--force', id), /service web no longer has a container/),
  },
  {
    stack: 'stopped',
    promise: 'a container that somebody stops in the soak is missed',
    story: (site) => isMeddledWith(site, (id) => site.host.docker('stop', id), /stopped-web-1 has exited with code/),
  },
  {
    stack: 'paused',
    promise: 'a container that somebody pauses in the soak does not count as one that runs',
    story: (site) => isMeddledWith(site, (id) => site.host.docker('pause', id), /paused-web-1 is paused, not running/),
  },
  {
    stack: 'flap',
    promise: 'a service that is unhealthy for less than the sustained failure converges',
    story: async (site) => {
      const flaps = shell('touch /ok', 'sleep 4', 'rm /ok', 'sleep 3', 'touch /ok', 'sleep 3600 & wait');
      const policy = { soak_seconds: 12, sustained_failure_seconds: 30 };
      const v1 = await site.release('1', { web: flaps }, { policy });
      const rollout = await site.begin(v1);
      await site.expect(rollout, {
        rollout: 'converged',
        hosts: ['converged'],
        runs: v1,
        quarantine: false,
        explain: /its soak passed/,
      });
      const { events } = await site.operator.readRolloutEvents(rollout.id);
      assert.match(JSON.stringify(events), /"probe_failure_first"/, 'the failure was seen');
    },
  },
  {
    stack: 'execprobe',
    promise: "a probe of the release's own that runs in a container fails the host",
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const probes = [{ ...PROBE, name: 'ready', exec: { service: 'web', command: ['test', '-f', '/ready'] } }];
      const v2 = await site.release('2', { web: WELL }, { policy: LONG_SOAK, probes });
      await site.deploy(v1);
      await site.expect(await site.begin(v2), {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['ready'],
        explain: /'ready' failed/,
      });
    },
  },
  {
    stack: 'httpprobe',
    promise:
      'a page that answers otherwise than its probe wants fails the host, and one that is only observed does not',
    story: async (site) => {
      const port = site.nextPort();
      const web = { runs: PAGES, ports: [`${port}:80`] };
      const url = `http://${site.host.place.address}:${port}`;
      const page = { ...PROBE, name: 'page', http: { url: `${url}/index.html`, status: 200 } };
      const gone = { ...PROBE, name: 'gone', http: { url: `${url}/gone.html`, status: 200 } };
      const v1 = await site.release('1', { web }, { probes: [page, { ...gone, mode: 'observe' }] });
      await site.expect(await site.begin(v1), {
        rollout: 'converged',
        hosts: ['converged'],
        runs: v1,
        quarantine: false,
      });
      const v2 = await site.release('2', { web }, { probes: [page, gone], policy: LONG_SOAK });
      await site.expect(await site.begin(v2), {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['gone'],
        explain: /'gone' failed.*404/,
      });
    },
  },
  {
    stack: 'tcpprobe',
    promise: 'a port that nobody listens on fails the host',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const tcp = { address: `127.0.0.1:${site.nextPort()}` };
      const v2 = await site.release(
        '2',
        { web: WELL },
        { policy: LONG_SOAK, probes: [{ ...PROBE, name: 'port', tcp }] },
      );
      await site.deploy(v1);
      await site.expect(await site.begin(v2), {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['port'],
        explain: /'port' failed.*refuse/i,
      });
    },
  },
];
