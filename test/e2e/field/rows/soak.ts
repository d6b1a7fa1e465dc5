/** Releases that come up well and go bad while they are watched. */
import assert from 'node:assert/strict';
import { shell, WELL } from '../../support/sample-stack.ts';
import type { ServiceKeys } from '../compose-project.ts';
import type { FieldRow } from '../row.ts';
import { onceTold, PAGES } from '../services.ts';
import type { Site } from '../site.ts';

const LONG_SOAK = { soak_seconds: 600 };
const PROBE = { mode: 'enforce', interval_seconds: 0.5, timeout_seconds: 2 } as const;

/** Fails twice because its database is not up yet, then runs. */
const THIRD_TIME = `n=$(cat /state/n 2>/dev/null || echo 0); echo $((n + 1)) > /state/n; test "$n" -ge 2 || { sleep 4; exit 1; }`;

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
  await site.expectBack(rollout, v1, { quarantine: [probe], explain: words, replaced: ['web'] });
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
  await site.expectBack(rollout, v1, { quarantine: ['health:web'], explain: words });
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
        () => site.host.sicken('web'),
      );
    },
  },
  {
    stack: 'crash',
    promise: 'a service that crashes in its soak and is not restarted goes back, with its exit code',
    story: (site) =>
      goesBad(
        site,
        { runs: onceTold('exit 7'), restart: 'no', healthcheck: null },
        /crash-web-1 has exited with code 7/,
        'running:web',
        () => site.host.tell('web'),
      ),
  },
  {
    stack: 'loop',
    promise: 'a service that crashes every second under "restart: always" goes back',
    story: (site) =>
      goesBad(
        site,
        { runs: onceTold('sleep 1', 'exit 1'), healthcheck: null },
        /loop-web-1 (?:restarts in a loop|has just restarted|is restarting)/,
        'running:web',
        () => site.host.tell('web'),
      ),
  },
  {
    stack: 'memory',
    promise: 'a service that needs more memory than its limit goes back',
    story: (site) => {
      const eats = onceTold(`awk 'BEGIN { s = "x"; while (1) s = s s }'`, 'rm /ok', 'sleep 3600 & wait');
      return goesBad(
        site,
        { runs: eats, mem_limit: '24m', memswap_limit: '24m' },
        /memory-web-1 is unhealthy/,
        'health:web',
        () => site.host.tell('web'),
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
    stack: 'downbyhand',
    promise: "a stack that somebody takes 'down' in the soak comes back as the release before",
    story: (site) =>
      isMeddledWith(
        site,
        () => site.host.docker('compose', '--project-name', 'downbyhand', 'down'),
        /service web no longer has a container|container downbyhand-web-1 has exited/,
      ),
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
      const policy = { soak_seconds: 15, sustained_failure_seconds: 120 };
      const v1 = await site.release('1', { web: WELL }, { policy });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.sicken('web');
      await site.until('the failure to be seen', async () =>
        (await site.log(rollout)).includes('"probe_failure_first"'),
      );
      await site.host.exec('web', 'touch', '/ok');
      await site.expectConverged(rollout, { explain: /its soak passed/ });
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
      await site.expectBack(await site.begin(v2), v1, { quarantine: ['ready'], explain: /'ready' failed/ });
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
      await site.deploy(v1);
      const v2 = await site.release('2', { web }, { probes: [page, gone], policy: LONG_SOAK });
      await site.expectBack(await site.begin(v2), v1, { quarantine: ['gone'], explain: /'gone' failed.*404/ });
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
      await site.expectBack(await site.begin(v2), v1, { quarantine: ['port'], explain: /'port' failed.*refuse/i });
    },
  },
  {
    stack: 'startup',
    promise: 'two restarts at the start of a soak are a start-up, and the service converges',
    isLong: true,
    story: async (site) => {
      const web = { runs: shell(THIRD_TIME, 'sleep 3600 & wait'), healthcheck: null, volumes: ['state:/state'] };
      const v1 = await site.release(
        '1',
        { web },
        { policy: { soak_seconds: 60, sustained_failure_seconds: 15 }, top: { volumes: { state: {} } } },
      );
      const rollout = await site.begin(v1);
      await site.expectConverged(rollout);
      assert.equal((await site.host.container('web')).restartCount, 2);
    },
  },
];
