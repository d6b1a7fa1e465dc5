import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Neighbour, parseNeighbours } from '../../../../agent/docker/parse-neighbours.ts';
import { findObstacle, type HostOccupancy, readNeeds } from '../../../../agent/rollouts/compose/find-obstacle.ts';
import { parseComposeModel } from '../../../../agent/rollouts/compose/model.ts';

/** As 'docker compose config --format json' prints it. */
const MODEL = parseComposeModel(
  JSON.stringify({
    services: {
      web: {
        image: 'web:1',
        container_name: 'shop-front',
        ports: [
          { mode: 'ingress', target: 80, published: '8080', protocol: 'tcp' },
          { mode: 'ingress', target: 53, published: '5353', protocol: 'udp', host_ip: '10.0.0.9' },
          { mode: 'ingress', target: 90, published: '9000-9010', protocol: 'tcp' },
          { mode: 'ingress', target: 91, protocol: 'tcp' },
        ],
      },
      db: { image: 'db:1' },
    },
    networks: { default: { name: 'shop_default' }, front: { name: 'edge', external: true } },
    volumes: { data: { name: 'shop_data' }, old: { external: true } },
  }),
);
const NEEDS = readNeeds(MODEL);

test('what a project takes for granted of its host', () => {
  assert.deepEqual(NEEDS, {
    ports: [
      { protocol: 'tcp', port: 8080, address: null },
      { protocol: 'udp', port: 5353, address: '10.0.0.9' },
    ],
    containerNames: ['shop-front'],
    externalNetworks: ['edge'],
    externalVolumes: ['old'],
  });
});

function neighbour(changes: Partial<Neighbour>): Neighbour {
  return { name: 'proxy', project: null, usesHostNetwork: false, ports: [], ...changes };
}

const TCP_8080 = { protocol: 'tcp', port: 8080, address: null } as const;

interface Row {
  readonly name: string;
  readonly facts: Partial<HostOccupancy>;
  readonly expected: string | null;
}

const ROWS: readonly Row[] = [
  { name: 'nothing', facts: {}, expected: null },
  {
    name: 'an external network is missing',
    facts: { missingNetworks: ['edge'] },
    expected: 'network: the external network edge could not be found',
  },
  {
    name: 'an external volume is missing',
    facts: { missingVolumes: ['old'] },
    expected: 'network: the external volume old could not be found',
  },
  {
    name: 'somebody else has the name',
    facts: { neighbours: [neighbour({ name: 'shop-front', project: 'blog' })] },
    expected: 'name: the container name shop-front is already in use by a container of project blog',
  },
  {
    name: 'the project itself has the name',
    facts: { neighbours: [neighbour({ name: 'shop-front', project: 'shop' })] },
    expected: null,
  },
  {
    name: 'another container publishes the port, on one address',
    facts: { neighbours: [neighbour({ ports: [{ ...TCP_8080, address: '127.0.0.1' }] })] },
    expected: 'port: port 8080 is already allocated to container proxy',
  },
  {
    name: 'another container publishes it for another protocol',
    facts: { neighbours: [neighbour({ ports: [{ ...TCP_8080, protocol: 'udp' }] })] },
    expected: null,
  },
  {
    name: 'another container publishes it on another address',
    facts: { neighbours: [neighbour({ ports: [{ protocol: 'udp', port: 5353, address: '127.0.0.1' }] })] },
    expected: null,
  },
  {
    name: 'another container publishes it on every address',
    facts: { neighbours: [neighbour({ ports: [{ protocol: 'udp', port: 5353, address: null }] })] },
    expected: 'port: port 10.0.0.9:5353/udp is already allocated to container proxy',
  },
  {
    name: 'the old containers of the project publish it, so a proxy of theirs listens on it',
    facts: { neighbours: [neighbour({ project: 'shop', ports: [TCP_8080] })], listeners: [TCP_8080] },
    expected: null,
  },
  {
    name: 'a process of the host listens on it',
    facts: { listeners: [TCP_8080] },
    expected: 'port: port 8080 is taken: address already in use by a process of the host',
  },
  {
    name: 'what listens may be the old container of the project, in the network of the host',
    facts: { neighbours: [neighbour({ project: 'shop', usesHostNetwork: true })], listeners: [TCP_8080] },
    expected: null,
  },
];

for (const { name, facts, expected } of ROWS) {
  test(`in the way of a project: ${name}`, () => {
    const all = { neighbours: [], listeners: [], missingNetworks: [], missingVolumes: [], ...facts };
    const found = findObstacle('shop', NEEDS, all);
    assert.equal(found === null ? null : `${found.class}: ${found.reason}`, expected);
  });
}

test('the containers of a host, as the engine lists them', () => {
  const listed = [
    {
      Names: ['/other/alias', '/shop-web-1'],
      Labels: { 'com.docker.compose.project': 'shop' },
      HostConfig: { NetworkMode: 'shop_default' },
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { IP: '127.0.0.1', PrivatePort: 53, PublicPort: 53, Type: 'udp' },
        { PrivatePort: 443, Type: 'tcp' },
      ],
    },
    { Names: ['/node'], HostConfig: { NetworkMode: 'host' }, Ports: null },
  ];
  assert.deepEqual(parseNeighbours(listed), [
    {
      name: 'shop-web-1',
      project: 'shop',
      usesHostNetwork: false,
      ports: [
        { protocol: 'tcp', port: 8080, address: null },
        { protocol: 'udp', port: 53, address: '127.0.0.1' },
      ],
    },
    { name: 'node', project: null, usesHostNetwork: true, ports: [] },
  ]);
  assert.equal(parseNeighbours({ message: 'no' }), null);
});
