/** Troubles of a host or a registry: put off with their reason, tried again, and no word against the release. */
import assert from 'node:assert/strict';
import { shell, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL, SOON_SICK } from '../services.ts';
import type { Site } from '../site.ts';
import type { SiteRelease } from '../site-releases.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

interface Trouble {
  /** Makes release 2; by default one with an image of its own. */
  readonly release?: (site: Site) => Promise<SiteRelease>;
  readonly begins: (site: Site) => Promise<unknown>;
  readonly ends: (site: Site) => unknown;
  /** What explain says of it meanwhile. */
  readonly words: RegExp;
  /** It is found only once the old containers are stopped: they are back, and may be other ones. */
  readonly isFoundLate?: boolean;
}

/** Release 1 runs on until the trouble is over, and then release 2 converges. */
async function weathers(site: Site, { release, begins, ends, words, isFoundLate }: Trouble): Promise<void> {
  const v1 = await site.release('1', { web: WELL });
  await site.deploy(v1);
  const v2 = await (release?.(site) ?? site.release('2', { web: ALSO_WELL }));
  const before = await site.host.containers();
  await begins(site);
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'deferred');
  await site.requireExplained(rollout, words);
  if (isFoundLate === true) await site.until('release 1 to run', () => runs(site, v1));
  else assert.deepEqual(await site.host.containers(), before, 'release 1 runs on untouched');
  await site.requireQuarantine(v2, false);
  await ends(site);
  await site.expectConverged(rollout);
}

function runs(site: Site, release: SiteRelease): Promise<true> {
  return site.requireRuns(site.host, release).then(() => true);
}

/** An image that is not on the host in part or whole, so that bytes have to travel. */
async function heavyRelease(site: Site, megabytes: number): Promise<SiteRelease> {
  const image = await site.image('web:heavy', ALSO_WELL, { freshLayerBytes: megabytes * 1_000_000 });
  return site.release('2', { web: { image } });
}

function heals(site: Site): Promise<void> {
  return site.registry.recover();
}

export const hostTroubleRows: readonly FieldRow[] = [
  {
    stack: 'limited',
    promise: 'a registry that limits its clients is waited for as long as it asks',
    story: (site) =>
      weathers(site, {
        begins: () => site.registry.fail({ kind: 'answers', status: 429, headers: { 'retry-after': '5' } }),
        ends: heals,
        words: /limited-1 deferred the activation of limited 2 .*(?:429|toomanyrequests)/i,
      }),
  },
  {
    stack: 'registryaway',
    promise: 'a registry that is away is waited for',
    story: (site) =>
      weathers(site, { begins: () => site.registry.fail({ kind: 'away' }), ends: heals, words: /connection refused/ }),
  },
  {
    stack: 'registrybroken',
    promise: 'a registry that answers 503 is waited for',
    story: (site) =>
      weathers(site, {
        begins: () => site.registry.fail({ kind: 'answers', status: 503 }),
        ends: heals,
        words: /503|unavailable/i,
      }),
  },
  {
    stack: 'garbled',
    promise: 'an image that arrives with other bytes than its digest says does not run, and is asked for again',
    story: (site) =>
      weathers(site, {
        release: () => heavyRelease(site, 1),
        begins: () => site.registry.fail({ kind: 'garbles' }),
        ends: heals,
        words: /verification failed|digest/i,
      }),
  },
  {
    stack: 'nocredentials',
    promise: 'a host without credentials for the registry is put off until it has them',
    agents: 'by the story',
    story: async (site) => {
      const folder = await site.host.dockerConfig();
      await site.host.startAgent({ env: { DOCKER_CONFIG: folder } });
      await site.online(site.host);
      await weathers(site, {
        begins: () => site.registry.fail({ kind: 'wants-credentials', user: 'shop', password: 'hush' }),
        ends: () => site.host.logIn(site.registry.address, 'shop', 'hush'),
        words: /no basic auth credentials|unauthorized|authentication required/i,
      });
    },
  },
  {
    stack: 'drips',
    promise: 'a slow link has a budget of its own for the pull, apart from the time of the activation',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const image = await site.image('web:heavy', ALSO_WELL, { freshLayerBytes: 3_000_000 });
      const policy = { activation_timeout_seconds: 12, pull_budget_seconds: 300 };
      const v2 = await site.release('2', { web: { image } }, { policy });
      await site.registry.fail({ kind: 'drips', bytesPerSecond: 150_000 });
      await site.deploy(v2);
    },
  },
  {
    stack: 'diskfull',
    promise: 'a disk without room for the image is the host’s trouble, and passes once there is room',
    engines: 'own',
    story: (site) =>
      weathers(site, {
        release: () => heavyRelease(site, 8),
        begins: () => site.host.fillDisk(),
        ends: () => site.host.freeDisk(),
        words: /no space left on device/,
      }),
  },
  {
    stack: 'porttaken',
    promise: 'a port that another container holds puts the activation off before anything is touched',
    story: (site) => {
      const port = site.nextPort();
      let holder = '';
      return weathers(site, {
        release: () => site.release('2', { web: { ...NEW_WEB, ports: [`${port}:80`] } }),
        begins: async () => {
          holder = await site.host.runStranger({ name: 'porttaken-holder', ports: { [port]: 80 } });
        },
        ends: () => site.host.docker('rm', '--force', holder),
        words: new RegExp(`port ${port} is already allocated to container porttaken-holder`),
      });
    },
  },
  {
    stack: 'porttakenbyhost',
    promise: 'a port that a process of the host listens on puts the activation off',
    story: (site) => {
      const port = site.nextPort();
      let stop = async (): Promise<void> => {};
      return weathers(site, {
        release: () => site.release('2', { web: { ...NEW_WEB, ports: [`${port}:80`] } }),
        begins: async () => {
          stop = await site.host.listen(port);
        },
        ends: () => stop(),
        words: new RegExp(`${port} is taken: address already in use by a process of the host`),
      });
    },
  },
  {
    stack: 'nametaken',
    promise: 'a container name that somebody else has puts the activation off',
    story: (site) => {
      let holder = '';
      return weathers(site, {
        release: () => site.release('2', { web: { ...NEW_WEB, container_name: 'nametaken-shop' } }),
        begins: async () => {
          holder = await site.host.runStranger({ name: 'nametaken-shop' });
        },
        ends: () => site.host.docker('rm', '--force', holder),
        words: /the container name nametaken-shop is already in use/,
      });
    },
  },
  {
    stack: 'nonetwork',
    promise: 'an external network that the host does not have puts the activation off',
    story: (site) => {
      const top = { networks: { front: { external: true, name: 'nonetwork-front' } } };
      return weathers(site, {
        release: () => site.release('2', { web: { ...NEW_WEB, networks: ['front'] } }, { top }),
        begins: async () => {},
        ends: () => site.host.createNetwork('nonetwork-front'),
        words: /nonetwork-front could not be found/,
      });
    },
  },
  {
    stack: 'novolume',
    promise: 'an external volume that the host does not have puts the activation off',
    story: (site) => {
      const top = { volumes: { data: { external: true, name: 'novolume-data' } } };
      return weathers(site, {
        release: () => site.release('2', { web: { ...NEW_WEB, volumes: ['data:/data'] } }, { top }),
        begins: async () => {},
        ends: () => site.host.docker('volume', 'create', '--label', 'field.row=novolume', 'novolume-data'),
        words: /external volume novolume-data could not be found/,
      });
    },
  },
  {
    stack: 'nocompose',
    promise: 'a host without Compose is put off until it has one',
    agents: 'by the story',
    story: async (site) => {
      const works = await site.host.wrapDocker('exec "$DOCKER" "$@"');
      await site.host.startAgent({ env: { NEXUS_AGENT_DOCKER_CLI: works } });
      await site.online(site.host);
      const broken = `echo "docker: 'compose' is not a docker command." >&2; exit 1`;
      await weathers(site, {
        begins: () => site.host.wrapDocker(broken),
        ends: () => site.host.wrapDocker('exec "$DOCKER" "$@"'),
        words: /Compose cannot be used on this host|'compose' is not a docker command/,
      });
    },
  },
  {
    stack: 'byhand',
    promise: 'a project of that name that somebody started by hand is left alone, and the activation put off',
    story: async (site) => {
      await site.host.composeUp('services: {web: {image: "nexus-lab/busybox:1"}}\n');
      const before = await site.host.containers();
      const v1 = await site.release('1', { web: WELL });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'deferred');
      await site.requireExplained(rollout, /that Nexus has not deployed \(byhand-web-1\)/);
      assert.deepEqual(await site.host.containers(), before);
      await site.host.docker('compose', '--project-name', 'byhand', 'down');
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'onebadhost',
    promise: 'the trouble of one host keeps no other host from a release that is fine',
    hosts: 2,
    story: async (site) => {
      const port = site.nextPort();
      await site.host.runStranger({ name: 'onebadhost-holder', ports: { [port]: 80 } });
      const policy = { pull_budget_seconds: 10, activation_timeout_seconds: 20 };
      const v1 = await site.release('1', { web: { runs: WELL, ports: [`${port}:80`] } }, { policy });
      const rollout = await site.begin(v1, { waves: [{ percent: 100 }], failure_threshold: 1 });
      await site.hostReaches(rollout, site.second, 'converged');
      await site.requireRuns(site.second, v1);
      // Between two attempts nothing is in its way yet; once its budget is over, what was is there to stay.
      await site.hostReaches(rollout, site.host, 'reverted');
      await site.requireQuarantine(v1, false);
      await site.requireExplained(rollout, new RegExp(`onebadhost-1 .*${port}`));
    },
  },
  {
    stack: 'queued',
    promise: 'waiting for two other stacks of the host is said, and does not count as activation',
    story: async (site) => {
      const slow = { web: { runs: shell('sleep 25', 'touch /ok', 'sleep 3600 & wait') } };
      const first = await site.release('1', slow, { stack: 'queued-a' });
      const second = await site.release('1', slow, { stack: 'queued-b' });
      const third = await site.release('1', { web: WELL }, { policy: { activation_timeout_seconds: 15 } });
      for (const release of [first, second]) await site.hostReaches(await site.begin(release), site.host, 'activating');
      const rollout = await site.begin(third);
      await site.hostReaches(rollout, site.host, 'activating', 'deferred');
      await site.until('explain to say what it waits for', async () =>
        /queued-a.*queued-b|queued-b.*queued-a/s.test(await site.explain(rollout)),
      );
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'stillbad',
    promise: 'a release that fails by its own fault after the trouble of its host is quarantined all the same',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const v2 = await site.release('2', { web: SOON_SICK });
      await site.registry.fail({ kind: 'away' });
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'deferred');
      await site.registry.recover();
      await site.expectBack(rollout, v1, { quarantine: /stillbad-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'oldcompose',
    promise: 'a Compose that is too old is named with its version, and put off until it is newer',
    agents: 'by the story',
    story: async (site) => {
      const works = await site.host.wrapDocker('exec "$DOCKER" "$@"');
      await site.host.startAgent({ env: { NEXUS_AGENT_DOCKER_CLI: works } });
      await site.online(site.host);
      await weathers(site, {
        begins: () => site.host.wrapDocker('case "$*" in *version*) echo 2.10.2;; *) exec "$DOCKER" "$@";; esac'),
        ends: () => site.host.wrapDocker('exec "$DOCKER" "$@"'),
        words: /2\.17 or later is needed, and version 2\.10 is installed/,
      });
    },
  },
  {
    stack: 'pausedbefore',
    promise: 'containers that somebody has paused are replaced like any others',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      await site.host.docker('pause', (await site.host.container('web')).id);
      await site.deploy(v2, { replaced: ['web'] });
    },
  },
  {
    stack: 'foundlate',
    promise: 'what is found to be in the way too late brings the old release back until it is gone',
    isLong: true,
    story: async (site) => {
      const network = 'foundlate-front';
      const address = '172.31.77.9';
      await site.host.createNetwork(network, '172.31.77.0/24');
      const top = { networks: { front: { external: true, name: network } } };
      const web = { ...NEW_WEB, networks: { front: { ipv4_address: address } } };
      const holder = ['--label', 'field.row=foundlate', '--network', network, '--ip', address, 'nexus-lab/busybox:1'];
      let id = '';
      await weathers(site, {
        release: () => site.release('2', { web }, { top }),
        begins: async () => {
          id = await site.host.docker('run', '--detach', ...holder);
        },
        ends: () => site.host.docker('rm', '--force', id),
        words: /address already in use/i,
        isFoundLate: true,
      });
    },
  },
];
