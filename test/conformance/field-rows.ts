/** Every field of a tick at its limit and one beyond. */
import assert from 'node:assert/strict';
import { type ContainerBody, containerBodySchema, type HostBody, hostBodySchema } from '../../src/wire/operator.ts';
import { containerBody, telemetryBody, withField } from '../wire/telemetry-body.ts';
import { errorPaths, type Outcome, post, type Row } from './row.ts';

/** Absent from the body. */
const ABSENT = undefined;

interface FieldRules {
  /** The dotted path in the body. */
  readonly field: string;
  /** Taken, and read back as they were sent. */
  readonly taken: readonly unknown[];
  /** Refused with this field, or a part of it, in the error. */
  readonly refused: readonly unknown[];
}

function text(length: number): string {
  return 'x'.repeat(length);
}

const COUNT = {
  taken: [0, 1, 9_007_199_254_740_991, null, ABSENT],
  refused: [-1, 0.5, '1', true, [], {}, 9_007_199_254_740_992],
};
const GAUGE = {
  taken: [0, 0.01, 1_000_000, null, ABSENT],
  refused: [-0.01, '1', true, []],
};

function optionalText(max: number): Omit<FieldRules, 'field'> {
  return { taken: ['', text(max), null, ABSENT], refused: [text(max + 1), 7, false, []] };
}

function requiredText(max: number): Omit<FieldRules, 'field'> {
  return { taken: ['x', text(max)], refused: [text(max + 1), '', null, ABSENT, 7, {}] };
}

const INSTANT = {
  taken: ['2026-02-28T10:00:00Z', '2026-02-28T10:00:00.123456789Z', '0001-01-01T00:00:00Z', null, ABSENT],
  refused: ['', 'yesterday', '2026-02-28T10:00:00', '2026-02-30T10:00:00Z', 0, false],
};

const RULES: readonly FieldRules[] = [
  { field: 'host', taken: [], refused: [ABSENT, null, [], 'x', 1] },
  { field: 'host.metrics', taken: [], refused: [ABSENT, null, [], 'x', 0] },
  {
    field: 'host.metrics.cpu_percent',
    taken: [0, 37.5, 100, null, ABSENT],
    refused: [-0.01, 100.01, '50', true, [], {}],
  },
  { field: 'host.metrics.load_average', ...GAUGE },
  { field: 'host.metrics.memory_used_mb', ...COUNT },
  { field: 'host.metrics.memory_total_mb', ...COUNT },
  { field: 'host.metrics.disk_used_gb', ...COUNT },
  { field: 'host.metrics.disk_total_gb', ...COUNT },
  { field: 'host.metrics.network_rx_bytes', ...COUNT },
  { field: 'host.metrics.network_tx_bytes', ...COUNT },

  { field: 'host.facts', taken: [], refused: [[], 'x', 1] },
  { field: 'host.facts.cpu_count', taken: [1, 1024, null, ABSENT], refused: [0, 1025, 1.5, -1, '4', true] },
  { field: 'host.facts.memory_total_mb', ...COUNT },
  { field: 'host.facts.disk_total_gb', ...COUNT },
  { field: 'host.facts.os', ...optionalText(80) },
  { field: 'host.facts.docker_version', ...optionalText(32) },

  { field: 'containers', taken: [], refused: [{}, 'x', 1, [null], [[]], ['x'], [{}]] },
  { field: 'containers.0.container_id', ...requiredText(80) },
  { field: 'containers.0.name', ...requiredText(255) },
  { field: 'containers.0.image', ...requiredText(255) },
  { field: 'containers.0.image_tag', ...optionalText(128) },
  { field: 'containers.0.status', ...optionalText(32) },
  { field: 'containers.0.state', ...optionalText(32) },
  { field: 'containers.0.health_status', ...optionalText(16) },
  { field: 'containers.0.started_at', ...INSTANT },
  { field: 'containers.0.finished_at', ...INSTANT },
  {
    field: 'containers.0.ports',
    taken: [['80/tcp'], [], ['80/tcp', '0.0.0.0:8443->443/tcp']],
    refused: ['80/tcp', {}, [80], ['80/tcp', null]],
  },
  {
    field: 'containers.0.labels',
    taken: [{}, { a: 'b' }, { '': '' }, { constructor: 'x' }],
    refused: ['a=b', ['a=b'], { a: 1 }, { a: null }, { a: { b: 'c' } }],
  },
  { field: 'containers.0.metrics', taken: [], refused: [[], 'x', 1] },
  { field: 'containers.0.metrics.cpu_percent', ...GAUGE, taken: [0, 100.01, 6400, null, ABSENT] },
  { field: 'containers.0.metrics.memory_usage_mb', ...COUNT },
  { field: 'containers.0.metrics.memory_limit_mb', ...COUNT },
  { field: 'containers.0.metrics.network_rx_bytes', ...COUNT },
  { field: 'containers.0.metrics.network_tx_bytes', ...COUNT },
  { field: 'containers.0.metrics.block_read_bytes', ...COUNT },
  { field: 'containers.0.metrics.block_write_bytes', ...COUNT },
];

function describe(value: unknown): string {
  if (value === ABSENT) return 'absent';
  if (typeof value === 'string' && value.length > 40) return `of ${value.length} characters`;
  return JSON.stringify(value);
}

function readHost(outcome: Outcome): HostBody {
  const [host] = hostBodySchema.array().parse(JSON.parse(outcome.after.host));
  assert(host !== undefined);
  return host;
}

function readContainers(outcome: Outcome): ContainerBody[] {
  const { containers } = JSON.parse(outcome.after.containers) as { containers: unknown };
  return containerBodySchema.array().parse(containers);
}

/** What the operator reads where the agent wrote `field`. */
function readBack(outcome: Outcome, field: string): unknown {
  const keys = field.split('.');
  const isContainer = keys[0] === 'containers';
  let value: unknown = isContainer ? readContainers(outcome)[0] : readHost(outcome);
  for (const key of keys.slice(isContainer ? 2 : 1)) value = (value as Record<string, unknown>)[key];
  return value;
}

function takenRow(field: string, value: unknown): Row {
  return {
    name: `${field} ${describe(value)} is stored as it was sent`,
    send: post(withField(telemetryBody(), field, value)),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.deepEqual(readBack(outcome, field), value ?? null),
  };
}

function refusedRow(field: string, value: unknown): Row {
  return {
    name: `${field} ${describe(value)} is refused`,
    send: post(withField(telemetryBody(), field, value)),
    status: 422,
    stored: 0,
    expect({ reply }) {
      const [path = ''] = errorPaths(reply);
      assert(path === field || path.startsWith(`${field}.`), `the error names ${path}`);
    },
  };
}

function containersOf(count: number): unknown[] {
  return Array.from({ length: count }, (_, index) =>
    containerBody({ container_id: `c${index}`, name: `app-${index}` }),
  );
}

/** Values that are read back in another form than they were sent in. */
const SPECIAL_ROWS: readonly Row[] = [
  {
    name: 'host.metrics with nothing in it is stored with every value null',
    send: post({ recorded_at: '2026-03-01T12:00:00Z', host: { metrics: {} } }),
    status: 204,
    stored: 1,
    expect: (outcome) =>
      assert.deepEqual(readHost(outcome).metrics, {
        cpu_percent: null,
        load_average: null,
        memory_used_mb: null,
        memory_total_mb: null,
        disk_used_gb: null,
        disk_total_gb: null,
        network_rx_bytes: null,
        network_tx_bytes: null,
      }),
  },
  ...[null, ABSENT].map((value) => ({
    name: `host.facts ${describe(value)} leaves every fact unknown`,
    send: post(withField(telemetryBody(), 'host.facts', value)),
    status: 204,
    stored: 1,
    expect: (outcome: Outcome) =>
      assert.deepEqual(readHost(outcome).facts, {
        cpu_count: null,
        memory_total_mb: null,
        disk_total_gb: null,
        os: null,
        docker_version: null,
      }),
  })),
  ...[null, ABSENT, []].map((value) => ({
    name: `containers ${describe(value)} is a tick without containers`,
    send: post(withField(telemetryBody(), 'containers', value)),
    status: 204,
    stored: 1,
    expect: (outcome: Outcome) => assert.deepEqual(readContainers(outcome), []),
  })),
  ...[null, ABSENT].map((value) => ({
    name: `containers.0.ports ${describe(value)} means no ports`,
    send: post(withField(telemetryBody(), 'containers.0.ports', value)),
    status: 204,
    stored: 1,
    expect: (outcome: Outcome) => assert.deepEqual(readContainers(outcome)[0]?.ports, []),
  })),
  ...[null, ABSENT, []].map((value) => ({
    name: `containers.0.labels ${describe(value)} means no labels`,
    send: post(withField(telemetryBody(), 'containers.0.labels', value)),
    status: 204,
    stored: 1,
    expect: (outcome: Outcome) => assert.deepEqual(readContainers(outcome)[0]?.labels, {}),
  })),
  ...[null, ABSENT, {}].map((value) => ({
    name: `containers.0.metrics ${describe(value)} is stored with every value null`,
    send: post(withField(telemetryBody(), 'containers.0.metrics', value)),
    status: 204,
    stored: 1,
    expect: (outcome: Outcome) =>
      assert.deepEqual(readContainers(outcome)[0]?.metrics, {
        cpu_percent: null,
        memory_usage_mb: null,
        memory_limit_mb: null,
        network_rx_bytes: null,
        network_tx_bytes: null,
        block_read_bytes: null,
        block_write_bytes: null,
        memory_percent: null,
      }),
  })),
  {
    name: 'containers of 500 entries are all stored',
    send: post(telemetryBody({ containers: containersOf(500) })),
    status: 204,
    stored: 1,
    expect(outcome) {
      assert.equal(readContainers(outcome).length, 500);
      assert.equal(readHost(outcome).container_count, 500);
    },
  },
  {
    name: 'containers of 501 entries are refused',
    send: post(telemetryBody({ containers: containersOf(501) })),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['containers']),
  },
  {
    name: 'a container that a body holds twice is stored once, as it was reported last',
    send: post(
      telemetryBody({
        containers: [
          containerBody({ name: 'first' }),
          containerBody({ container_id: 'other' }),
          containerBody({ name: 'last' }),
        ],
      }),
    ),
    status: 204,
    stored: 1,
    expect: (outcome) =>
      assert.deepEqual(
        readContainers(outcome).map((container) => [container.container_id, container.name]),
        [
          ['c0ffee', 'last'],
          ['other', 'shop-web-1'],
        ],
      ),
  },
  {
    name: 'a whole number written with a fraction of zero is a whole number',
    send: post(JSON.stringify(telemetryBody()).replace('"memory_used_mb":2048', '"memory_used_mb":2048.0')),
    status: 204,
    stored: 1,
    expect: (outcome) => assert.equal(readHost(outcome).metrics?.memory_used_mb, 2048),
  },
  {
    name: 'minus zero is zero',
    send: post(
      JSON.stringify(telemetryBody())
        .replace('"memory_used_mb":2048', '"memory_used_mb":-0')
        .replace('"load_average":1.5', '"load_average":-0.0')
        .replace('"cpu_count":4', '"cpu_count":4,"disk_total_gb":-0'),
    ),
    status: 204,
    stored: 1,
    expect(outcome) {
      assert.equal(readHost(outcome).metrics?.memory_used_mb, 0);
      assert.equal(readHost(outcome).metrics?.load_average, 0);
    },
  },
  {
    name: 'fields that nobody knows are ignored at every level',
    send: post({
      ...withField(withField(telemetryBody(), 'host.metrics.fan_rpm', 'fast'), 'host.facts.rack', { row: 3 }),
      containers: [containerBody({ pid: -1 })],
      agent_version: [1, 2, 3],
    }),
    status: 204,
    stored: 1,
  },
  {
    name: 'several wrong fields are all named, in the order of the body',
    send: post(withField(withField(telemetryBody(), 'host.metrics.cpu_percent', 101), 'containers.0.image', null)),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['host.metrics.cpu_percent', 'containers.0.image']),
  },
];

export const FIELD_ROWS: readonly Row[] = [
  ...RULES.flatMap(({ field, taken, refused }) => [
    ...taken.map((value) => takenRow(field, value)),
    ...refused.map((value) => refusedRow(field, value)),
  ]),
  ...SPECIAL_ROWS,
];
