/** What a plan knows of hosts before anything happens there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseBodySchema } from '../../src/wire/release.ts';
import { rolloutPlanBodySchema } from '../../src/wire/rollout.ts';
import { RolloutFleet } from './rollout-fleet.ts';

type Fields = Readonly<Record<string, unknown>>;

const ABLE = { version: '1.0.0', capabilities: ['rollouts'], compose_version: '2.26.1' };

function container(name: string, labels: Fields = {}, more: Fields = {}): Fields {
  return { container_id: name, name, image: 'example', state: 'running', labels, ...more };
}

const ofStack = (stack: string, more: Fields = {}): Fields => ({ 'com.docker.compose.project': stack, ...more });

async function report({ server }: RolloutFleet, token: string, more: Fields): Promise<void> {
  server.clock.advance(1_000);
  const recorded_at = new Date(server.clock.nowMs()).toISOString();
  assert.equal(
    await server.report(token, { recorded_at, host: { metrics: {}, facts: { docker_version: '26.1.5' } }, ...more }),
    204,
  );
}

async function planned({ server }: RolloutFleet, release: string, hosts: readonly string[]) {
  const reply = await server.operator.send('POST', '/v1/rollouts/plan', { release, hosts, waves: [{ percent: 100 }] });
  const { waves } = rolloutPlanBodySchema.parse(JSON.parse(reply.body));
  return waves.flatMap((wave) => wave.hosts);
}

/** A release that publishes port 8080 and names its container, both by way of an anchor. */
async function addRelease({ server }: RolloutFleet): Promise<string> {
  const compose =
    'x-front: &front {container_name: shop-front, ports: ["8080:80"]}\nservices: {web: {<<: *front, image: example}}';
  const manifest = { kind: 'nexus.release/1', stack: 'shop', version: '1', compose };
  const reply = await server.operator.send('POST', '/v1/releases', manifest);
  return releaseBodySchema.parse(JSON.parse(reply.body)).digest;
}

const FOREIGN = "a project 'shop' that Nexus has not deployed runs there (container";

const ROWS: ReadonlyArray<{ what: string; tick: Fields; findings: ReadonlyArray<readonly [string, string]> }> = [
  { what: 'an agent that says nothing of itself', tick: {}, findings: [] },
  { what: 'an agent that can', tick: { agent: ABLE, containers: [] }, findings: [] },
  {
    what: 'an agent without --rollouts',
    tick: { agent: { ...ABLE, capabilities: [], compose_version: null } },
    findings: [['hold', 'its agent takes no releases: start it with --rollouts (NEXUS_AGENT_ROLLOUTS=1)']],
  },
  {
    what: 'a host without Compose',
    tick: { agent: { ...ABLE, compose_version: null } },
    findings: [['hold', 'it has no Docker Compose: install the Compose plugin (v2) of the Docker CLI there']],
  },
  {
    what: 'a host with an old Compose',
    tick: { agent: { ...ABLE, compose_version: 'v2.12.2' } },
    findings: [
      [
        'hold',
        'Docker Compose 2.17 or later is needed, and version v2.12 is installed: update the Compose plugin of Docker',
      ],
    ],
  },
  {
    what: 'a project of somebody else with that name',
    tick: { containers: [container('shop-b-1', ofStack('shop')), container('shop-a-1', ofStack('shop'))] },
    findings: [['hold', `${FOREIGN} 'shop-a-1' and 1 other)`]],
  },
  {
    what: 'containers of that project that Nexus deployed, or that somebody runs once',
    tick: {
      containers: [
        container('shop-a-1', ofStack('shop', { 'nexus.release': 'sha256:1' })),
        container('shop-a-run-1', ofStack('shop', { 'com.docker.compose.oneoff': 'True' })),
      ],
    },
    findings: [],
  },
  {
    what: 'a name and a port that others have',
    tick: {
      containers: [
        container('shop-front', {}),
        container('proxy-1', ofStack('proxy'), { ports: ['0.0.0.0:8080->80/tcp', '[::]:8080->80/tcp'] }),
        container('shop-front-2', ofStack('proxy'), { ports: ['0.0.0.0:18080->80/tcp'] }),
      ],
    },
    findings: [
      ['warning', "the name 'shop-front' is taken by a container of no stack"],
      ['warning', 'port 8080 is taken by the container proxy-1'],
    ],
  },
];

for (const { what, tick, findings } of ROWS) {
  test(`a plan knows of ${what}`, async (context) => {
    const fleet = await RolloutFleet.start(context, ['web-1']);
    const release = await addRelease(fleet);
    await report(fleet, fleet.tokenOf('web-1'), tick);
    const [host] = await planned(fleet, release, ['web-1']);
    assert.deepEqual(
      host?.findings.map(({ severity, message }) => [severity, message]),
      findings,
    );
  });
}

test('a plan says what runs now, and a project that Nexus deployed is not foreign without its labels', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const release = await addRelease(fleet);
  assert.deepEqual(
    (await planned(fleet, release, ['web-1', 'web-2'])).map(({ runs }) => runs),
    [null, null],
  );
  const rollout = await fleet.createRollout(release, ['web-1']);
  await fleet.poll('web-1');
  await fleet.bring('web-1', rollout.id, release, 'soaking');
  await fleet.steer(rollout.id, 'abort');
  await report(fleet, fleet.tokenOf('web-1'), { containers: [container('shop-front', ofStack('shop'))] });
  await fleet.server.restart();
  const [first, second] = await planned(fleet, release, ['web-1', 'web-2']);
  assert.deepEqual([first?.runs, second?.runs], [release, null]);
  assert.equal(
    first?.findings.some(({ message }) => message.startsWith(FOREIGN)),
    false,
  );
});

const LABELS: ReadonlyArray<{ labels: Fields; refusal: RegExp | null }> = [
  { labels: { 'maintenance-window': 'Sat 22:00-04:00 Europe/Berlin' }, refusal: null },
  { labels: { 'maintenance-window': null, after: 'db-1, role=cache' }, refusal: null },
  {
    labels: { 'maintenance-window': 'Caturday 22:00-04:00' },
    refusal:
      /the label 'maintenance-window' cannot be read: 'Caturday' is not a list of days\. Write for example Sat,Sun/,
  },
  { labels: { 'maintenance-window': '22:00-04:00 Mars/Olympus' }, refusal: /'Mars\/Olympus' is not a time zone/ },
  { labels: { after: 'DB 1' }, refusal: /the label 'after' cannot be read: 'DB 1' is neither the name of a host nor/ },
];

for (const { labels, refusal } of LABELS) {
  test(`labels ${JSON.stringify(labels)} are ${refusal === null ? 'taken' : 'refused when they are set'}`, async (context) => {
    const { server } = await RolloutFleet.start(context, ['web-1']);
    const changed = await server.operator.send('PATCH', '/v1/hosts/web-1', { labels });
    assert.equal(changed.status, refusal === null ? 200 : 422);
    if (refusal === null) return;
    assert.match((JSON.parse(changed.body) as { detail: string }).detail, refusal);
    const added = await server.operator.send('POST', '/v1/hosts', { name: 'web-2', labels });
    assert.equal(added.status, 422);
  });
}
