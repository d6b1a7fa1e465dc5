import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus, parseContainerInspection } from '../../../agent/docker/parse-container-inspection.ts';
import { chooseContainers, parseContainerList } from '../../../agent/docker/parse-container-list.ts';
import { parseEngineEvent } from '../../../agent/docker/parse-engine-event.ts';
import { parseEngineStats } from '../../../agent/docker/parse-engine-stats.ts';
import { chooseApiVersion, parseEngineVersion } from '../../../agent/docker/parse-engine-version.ts';
import { parseImageReference } from '../../../agent/docker/parse-image-reference.ts';
import { parsePorts } from '../../../agent/docker/parse-ports.ts';
import { LineSplitter } from '../../../agent/docker/split-lines.ts';

const IMAGE_ID = 'sha256:97dd6baa4c5a97dacdf73086194369a776205efdc4edb0dad5927c8a75a2b276';
const DIGEST = 'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae';

const INSPECTION = {
  Id: '57d43002b7b5',
  Name: '/web',
  Image: IMAGE_ID,
  State: {
    Status: 'running',
    Running: true,
    Pid: 5378,
    ExitCode: 0,
    StartedAt: '2026-11-21T16:49:08.841465236Z',
    FinishedAt: '0001-01-01T00:00:00Z',
    Health: { Status: 'healthy', FailingStreak: 0, Log: [{ Output: 'ok' }] },
  },
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } },
  Config: { Image: 'registry:5000/team/web:1.2', Labels: { b: '2', a: '1' } },
};

test('an inspection becomes an identity', () => {
  assert.deepEqual(parseContainerInspection(INSPECTION), {
    id: '57d43002b7b5',
    identity: {
      name: 'web',
      image: 'registry:5000/team/web',
      imageTag: '1.2',
      status: 'running (healthy)',
      state: 'running',
      healthStatus: 'healthy',
      startedAt: '2026-11-21T16:49:08.841465236Z',
      finishedAt: null,
      ports: ['0.0.0.0:8080->80/tcp'],
      labels: { a: '1', b: '2' },
    },
    pid: 5378,
    hasHealthcheck: true,
    sharesHostNetwork: false,
  });
});

test('a container that ended has no process and says how it ended', () => {
  const view = parseContainerInspection({
    ...INSPECTION,
    State: {
      Status: 'exited',
      Pid: 0,
      ExitCode: 137,
      StartedAt: '2026-11-21T16:49:08Z',
      FinishedAt: '2026-11-21T17:00:00+01:00',
    },
    HostConfig: { NetworkMode: 'host' },
  });
  assert.equal(view?.pid, 0);
  assert.equal(view?.identity.status, 'exited (137)');
  assert.equal(view?.identity.healthStatus, null);
  assert.equal(view?.identity.finishedAt, '2026-11-21T17:00:00+01:00');
  assert.equal(view?.sharesHostNetwork, true);
});

test('texts beyond the contract’s limits are cut, never inside a surrogate pair', () => {
  const view = parseContainerInspection({
    ...INSPECTION,
    Name: `/${'n'.repeat(254)}😀`,
    Config: { Image: `${'i'.repeat(300)}:${'t'.repeat(200)}`, Labels: { big: 'x'.repeat(5000), odd: 7 } },
  });
  assert.equal(view?.identity.name, 'n'.repeat(254));
  assert.equal(view?.identity.image.length, 255);
  assert.equal(view?.identity.imageTag?.length, 128);
  assert.deepEqual(Object.keys(view?.identity.labels ?? {}), ['big']);
  assert.equal(view?.identity.labels['big']?.length, 2048);
});

for (const input of [null, [], 'x', {}, { Id: 'a' }, { Id: 'a', State: {} }, { Id: 7, State: { Status: 'running' } }]) {
  test(`an inspection of ${JSON.stringify(input)} is no container`, () => {
    assert.equal(parseContainerInspection(input), null);
  });
}

const STATUS_ROWS: [string, string | null, number | null, string][] = [
  ['running', null, 0, 'running'],
  ['running', 'starting', 0, 'running (starting)'],
  ['running', 'unhealthy', 0, 'running (unhealthy)'],
  ['paused', 'healthy', 0, 'paused'],
  ['exited', null, 0, 'exited (0)'],
  ['exited', 'unhealthy', 143, 'exited (143)'],
  ['restarting', null, 1, 'restarting (1)'],
  ['created', null, 0, 'created'],
  ['dead', null, null, 'dead'],
];
for (const [state, health, exitCode, status] of STATUS_ROWS) {
  test(`${state}, ${health}, ${exitCode} reads ${status}`, () => {
    assert.equal(describeStatus(state, health, exitCode), status);
  });
}

const IMAGE_ROWS: [string, string, string][] = [
  ['nginx', 'nginx', 'latest'],
  ['nginx:1.27', 'nginx', '1.27'],
  ['registry:5000/nginx', 'registry:5000/nginx', 'latest'],
  ['registry:5000/team/nginx:1.27-alpine', 'registry:5000/team/nginx', '1.27-alpine'],
  [`nginx@${DIGEST}`, 'nginx', DIGEST],
  [`nginx:1.27@${DIGEST}`, 'nginx', '1.27'],
  [IMAGE_ID, IMAGE_ID, IMAGE_ID],
  ['97dd6baa4c5a', '97dd6baa4c5a', IMAGE_ID],
  ['deadbeef', 'deadbeef', 'latest'],
];
for (const [reference, image, imageTag] of IMAGE_ROWS) {
  test(`image ${reference}`, () => assert.deepEqual(parseImageReference(reference, IMAGE_ID), { image, imageTag }));
}

test('ports are texts, by container port', () => {
  assert.deepEqual(
    parsePorts({
      '8080/tcp': null,
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '32768' },
        { HostIp: '::', HostPort: '32768' },
      ],
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: '5353' }],
      '53/tcp': [],
      '9/tcp': [{ HostIp: '', HostPort: '9' }, 'odd'],
    }),
    [
      '0.0.0.0:9->9/tcp',
      '9/tcp',
      '53/tcp',
      '127.0.0.1:5353->53/udp',
      '0.0.0.0:32768->80/tcp',
      '[::]:32768->80/tcp',
      '8080/tcp',
    ],
  );
  assert.deepEqual(parsePorts(null), []);
});

test('a published range of thousands is cut', () => {
  const ports = Object.fromEntries(Array.from({ length: 2000 }, (_, port) => [`${port + 1}/tcp`, null]));
  const texts = parsePorts(ports);
  assert.equal(texts.length, 64);
  assert.equal(texts[63], '64/tcp');
});

test('the list gives ids, own names and states', () => {
  assert.deepEqual(
    parseContainerList([
      { Id: 'a', Names: ['/other/alias', '/web'], State: 'running', Created: 7, Labels: {} },
      { Id: 'b', Names: [], State: 'exited' },
      { Names: ['/x'] },
      null,
    ]),
    [
      { id: 'a', name: 'web', state: 'running', createdAt: 7 },
      { id: 'b', name: null, state: 'exited', createdAt: 0 },
    ],
  );
  assert.equal(parseContainerList({ message: 'page not found' }), null);
});

test('beyond the limit, what runs comes first, then the youngest', () => {
  const listed = [
    { id: 'old', name: null, state: 'exited', createdAt: 1 },
    { id: 'young', name: null, state: 'exited', createdAt: 9 },
    { id: 'runs', name: null, state: 'running', createdAt: 2 },
    { id: 'runs too', name: null, state: 'running', createdAt: 3 },
  ];
  assert.deepEqual(
    chooseContainers(listed, 3).map(({ id }) => id),
    ['runs too', 'runs', 'young'],
  );
  assert.deepEqual(chooseContainers(listed, 4), listed);
});

const EVENT_ROWS: [string, ReturnType<typeof parseEngineEvent>][] = [
  ['{"Type":"container","Action":"start","Actor":{"ID":"a"}}', { kind: 'changed', containerId: 'a' }],
  ['{"Type":"container","Action":"health_status: healthy","Actor":{"ID":"a"}}', { kind: 'changed', containerId: 'a' }],
  ['{"Type":"container","Action":"destroy","Actor":{"ID":"a"}}', { kind: 'removed', containerId: 'a' }],
  [
    '{"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{"container":"a"}}}',
    { kind: 'changed', containerId: 'a' },
  ],
  ['{"Type":"network","Action":"connect","Actor":{"ID":"n"}}', null],
  ['{"Type":"image","Action":"pull","Actor":{"ID":"i"}}', null],
  ['{"Type":"container"}', null],
  ['{"half', null],
];
for (const [line, event] of EVENT_ROWS) {
  test(`event ${line}`, () => assert.deepEqual(parseEngineEvent(line), event));
}

test('lines arrive in any pieces, a character cut in two included', () => {
  const splitter = new LineSplitter();
  const bytes = Buffer.from('{"a":"é"}\r\n\n{"b":1}\n{"c"');
  const cut = bytes.indexOf(0xa9);
  assert.deepEqual(splitter.push(bytes.subarray(0, cut)), []);
  assert.deepEqual(splitter.push(bytes.subarray(cut)), ['{"a":"é"}', '{"b":1}']);
  assert.deepEqual(splitter.push(Buffer.from(':2}\n')), ['{"c":2}']);
});

const VERSION_ROWS: [Record<string, string>, string | null][] = [
  [{ ApiVersion: '1.45', MinAPIVersion: '1.24' }, '1.45'],
  [{ ApiVersion: '1.41', MinAPIVersion: '1.12' }, '1.41'],
  [{ ApiVersion: '1.52', MinAPIVersion: '1.44' }, '1.47'],
  [{ ApiVersion: '1.60', MinAPIVersion: '1.50' }, '1.50'],
  [{ ApiVersion: '1.52' }, '1.47'],
  [{ ApiVersion: '1.40', MinAPIVersion: '1.12' }, null],
  [{ ApiVersion: '1.9', MinAPIVersion: '1.1' }, null],
];
for (const [answer, chosen] of VERSION_ROWS) {
  test(`engine with API ${JSON.stringify(answer)} is spoken to in ${chosen}`, () => {
    const version = parseEngineVersion(answer);
    assert.ok(version);
    assert.equal(chooseApiVersion(version), chosen);
  });
}

test('an answer without an API version is no engine’s', () => {
  for (const answer of [null, {}, { ApiVersion: 7 }, { ApiVersion: 'new' }])
    assert.equal(parseEngineVersion(answer), null);
});

const STATS_V1 = {
  read: '2026-11-21T16:49:12.995885216Z',
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 8, minor: 0, op: 'Read', value: 4096 },
      { major: 8, minor: 0, op: 'Write', value: 10 },
      { major: 8, minor: 0, op: 'Total', value: 4106 },
      { major: 7, minor: 0, op: 'Read', value: 4 },
    ],
  },
  cpu_stats: {
    cpu_usage: { total_usage: 62_279_067, percpu_usage: [1, 2] },
    system_cpu_usage: 1_566_490_000_000,
    online_cpus: 2,
  },
  memory_stats: { usage: 770_048, stats: { inactive_file: 1, total_inactive_file: 70_048 }, limit: 25_276_514_304 },
  networks: { eth0: { rx_bytes: 932, tx_bytes: 10 }, eth1: { rx_bytes: 8, tx_bytes: 1 } },
};

test('one-shot stats of a version 1 host', () => {
  assert.deepEqual(parseEngineStats(STATS_V1, false), {
    cpuNs: 62_279_067,
    clockNs: 783_245_000_000,
    memoryBytes: 700_000,
    memoryLimitBytes: 25_276_514_304,
    rxBytes: 940,
    txBytes: 11,
    readBytes: 4100,
    writeBytes: 10,
  });
});

test('one-shot stats of a version 2 host, in the host’s network', () => {
  const stats = {
    cpu_stats: { cpu_usage: { total_usage: 5 }, system_cpu_usage: 800, online_cpus: 4 },
    memory_stats: { usage: 100, stats: { inactive_file: 40 }, limit: 1000 },
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'read', value: 3 },
        { op: 'write', value: 4 },
      ],
    },
  };
  assert.deepEqual(parseEngineStats(stats, true), {
    cpuNs: 5,
    clockNs: 200,
    memoryBytes: 60,
    memoryLimitBytes: 1000,
    rxBytes: null,
    txBytes: null,
    readBytes: 3,
    writeBytes: 4,
  });
});

test('stats of a container that has just stopped are none', () => {
  for (const stats of [null, {}, { cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} }]) {
    assert.equal(parseEngineStats(stats, false), null);
  }
});
