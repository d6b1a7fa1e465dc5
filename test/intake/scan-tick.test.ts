/** What is read from the bytes is what the schema reads, or is left to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PackedTick, TELEMETRY_LIMITS } from '../../src/domain/telemetry.ts';
import { scanTick } from '../../src/intake/scan-tick.ts';
import { packTick } from '../../src/telemetry/pack-tick.ts';
import { parseJsonBytes } from '../../src/wire/json-text.ts';
import { readPlainTick } from '../../src/wire/plain-telemetry.ts';
import { readBySchema, telemetrySchema } from '../../src/wire/telemetry.ts';
import { mutateBody } from '../conformance/mutate-body.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { containerBody, type JsonObject, telemetryBody } from '../wire/telemetry-body.ts';

function scan(body: Uint8Array): PackedTick | null {
  return scanTick(body, (identities) => Buffer.from(identities).toString());
}

function bytesOf(body: unknown): Buffer {
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** All but the fingerprint, which each reader makes in its own way. */
function numbersOf({ recordedAtMs, facts, agent, host, containers }: PackedTick): unknown {
  const listed = containers === null ? null : { count: containers.count, blocks: Buffer.from(containers.blocks) };
  return { recordedAtMs, facts, agent, host: Buffer.from(host), listed };
}

/** Whether the body was read; if so, it is what the schema reads. */
function assertAgrees(body: Buffer): boolean {
  const scanned = scan(body);
  if (scanned === null) return false;
  const parsed = parseJsonBytes(body);
  const judged = readBySchema(parsed);
  assert.ok(judged.ok, `the schema refuses what was read: ${JSON.stringify(judged)} ${body}`);
  assert.deepEqual(numbersOf(scanned), numbersOf(packTick(judged.value, (text) => text)), body.toString());
  assert.deepEqual(readPlainTick(parsed)?.containers, judged.value.containers);
  return true;
}

const TWO = (): JsonObject =>
  telemetryBody({ containers: [containerBody(), containerBody({ container_id: 'decaf', started_at: null })] });

function fieldsOf(body: JsonObject): JsonObject[] {
  const host = body['host'] as JsonObject;
  const containers = body['containers'] as JsonObject[];
  const nested = [host['metrics'], ...containers, ...containers.map((one) => one['metrics'])];
  return [body, host, ...(nested as JsonObject[])];
}

function withContainer(fields: JsonObject): Buffer {
  return bytesOf(telemetryBody({ containers: [containerBody(fields)] }));
}

function withHostMetric(name: string, text: string): Buffer {
  return bytesOf(`{"recorded_at":"2026-03-01T12:00:00Z","host":{"metrics":{"${name}":${text}}}}`);
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const MINIMAL = '{"recorded_at":"2026-03-01T12:00:00Z","host":{"metrics":{}}}';
const minimalWith = (text: string): Buffer => bytesOf(`${MINIMAL.slice(0, -1)},${text}}`);

const ROWS: ReadonlyArray<readonly [name: string, body: Buffer, isRead: boolean]> = [
  ['a whole body', bytesOf(TWO()), true],
  ['a body that says the least', bytesOf(MINIMAL), true],
  ['space wherever JSON allows it', bytesOf(JSON.stringify(TWO(), null, '\t\r\n ')), true],
  ['space around it', bytesOf(` \n${MINIMAL}\t\r\n`), true],
  ['no containers', bytesOf(telemetryBody({ containers: [] })), true],
  ['null for containers', bytesOf(telemetryBody({ containers: null })), true],
  ['null for facts', bytesOf({ ...TWO(), host: { metrics: {}, facts: null } }), true],
  ['null for whatever may be null', withContainer({ image_tag: null, ports: null, labels: null, metrics: null }), true],
  ['escapes in a name', withContainer({ name: 'a "quoted" \\ name\n' }), true],
  ['escapes in labels', withContainer({ labels: { 'a"b': '\u0001\u001f{}[],:' } }), true],
  ['an escape of four digits', bytesOf(JSON.stringify(TWO()).replace('shop-web-1', 'shop\\u002Dweb\\u00e9')), true],
  ['an escape of three digits', bytesOf(JSON.stringify(TWO()).replace('shop-web-1', 'shop\\u02Dweb')), false],
  ['an escape that JSON has not', bytesOf(JSON.stringify(TWO()).replace('shop-web-1', 'shop\\xweb')), false],
  ['a raw line feed in a string', bytesOf(JSON.stringify(TWO()).replace('shop-web-1', 'shop\nweb')), false],
  ['an escape in an id', withContainer({ container_id: 'a\\b' }), false],
  ['an id beyond ASCII', withContainer({ container_id: 'caf\u00e9' }), true],
  ['two containers of one id', bytesOf(telemetryBody({ containers: [containerBody(), containerBody()] })), false],
  ['an empty name', withContainer({ name: '' }), false],
  ['the longest name', withContainer({ name: 'x'.repeat(TELEMETRY_LIMITS.maxContainerName) }), true],
  ['a name that is too long', withContainer({ name: 'x'.repeat(TELEMETRY_LIMITS.maxContainerName + 1) }), false],
  ['the longest id', withContainer({ container_id: 'x'.repeat(TELEMETRY_LIMITS.maxContainerId) }), true],
  ['an id that is too long', withContainer({ container_id: 'x'.repeat(TELEMETRY_LIMITS.maxContainerId + 1) }), false],
  ['bytes that are no UTF-8', Buffer.from(JSON.stringify(TWO()).replace('shop-web-1', 'shop\u00e9'), 'latin1'), false],
  ['a byte order mark', bytesOf(`\ufeff${MINIMAL}`), false],
  ['a byte order mark in a time', bytesOf(MINIMAL.replace('2026', '\ufeff2026')), false],
  ['a body within a list', bytesOf(`[${MINIMAL}]`), false],
  ['another body behind it', bytesOf(MINIMAL + MINIMAL), false],
  ['a comma at the end', bytesOf(`${MINIMAL.slice(0, -1)},}`), false],
  ['a comma too many in a list', minimalWith('"containers":[,]'), false],
  ['a body that ends early', bytesOf(MINIMAL.slice(0, -1)), false],
  ['nothing', bytesOf(''), false],
  ['a field that is not known', minimalWith('"later":{"version":"9","list":[1,-2.5e+3,true,false,null,{},[]]}'), true],
  ['a field that is not known and no JSON', minimalWith('"later":{"version":01}'), false],
  [
    'an agent',
    minimalWith('"agent":{"version":"9","capabilities":["rollouts"],"epochs":{"shop":3},"later":[1]}'),
    true,
  ],
  ['an agent that says nothing of itself', minimalWith('"agent":null'), true],
  ['an epoch that is no number', minimalWith('"agent":{"epochs":{"shop":"3"}}'), false],
  ['16 levels', minimalWith(`"deep":${nested(15)}`), true],
  ['17 levels', minimalWith(`"deep":${nested(16)}`), false],
  ['17 levels of objects', minimalWith(`"deep":${'{"a":'.repeat(16)}1${'}'.repeat(16)}`), false],
  ['17 levels in a container', withContainer({ deep: JSON.parse(nested(14)) }), false],
  ['100,000 parts and more', minimalWith(`"many":[${'1,'.repeat(100_000)}1]`), false],
  ['a field that is there twice', minimalWith('"host":{"metrics":{"cpu_percent":1}}'), false],
  ['a known name written with an escape', minimalWith('"h\\u006fst":{"metrics":{"cpu_percent":1}}'), false],
  ['a name that begins like a known one', minimalWith('"host_name":1,"hos":2'), true],
  ['a list for labels', withContainer({ labels: [] }), false],
  ['a number among labels', withContainer({ labels: { a: 1 } }), false],
  ['a number among ports', withContainer({ ports: ['80/tcp', 80] }), false],
  ['a whole number with decimals', withHostMetric('memory_used_mb', '10.0'), true],
  ['half a megabyte', withHostMetric('memory_used_mb', '10.5'), false],
  ['a number that begins with 0', withHostMetric('memory_used_mb', '010'), false],
  ['a number that ends with a point', withHostMetric('load_average', '1.'), false],
  ['a number with an exponent', withHostMetric('load_average', '1e1'), false],
  ['a number of 17 digits', withHostMetric('load_average', '0.12345678901234567'), true],
  ['a number of 400 digits', withHostMetric('load_average', '9'.repeat(400)), false],
  ['the largest whole number', withHostMetric('network_rx_bytes', '9007199254740991'), true],
  ['one more than that', withHostMetric('network_rx_bytes', '9007199254740992'), false],
  ['a negative number', withHostMetric('load_average', '-1'), false],
  ['a host that is busier than busy', withHostMetric('cpu_percent', '100.01'), false],
  ['a container of four busy cores', withContainer({ metrics: { cpu_percent: 400.01 } }), true],
  ['a day that not every month has', withContainer({ started_at: '2026-03-31T10:00:00Z' }), true],
  ['a day that no month has', withContainer({ started_at: '2026-02-30T10:00:00Z' }), false],
  ['an engine that was never started', withContainer({ finished_at: '0001-01-01T00:00:00Z' }), true],
  ['a time with an offset', withContainer({ started_at: '2026-03-01T10:00:00.5+02:00' }), true],
  ['a time without a zone', withContainer({ started_at: '2026-03-01T10:00:00' }), false],
  ['an hour that no day has', withContainer({ started_at: '2026-03-01T24:00:00Z' }), false],
];

for (const [name, body, isRead] of ROWS) {
  test(`${name}: ${isRead ? 'read as the schema reads it' : 'left to the schema'}`, () => {
    assert.equal(assertAgrees(body), isRead);
  });
}

test('a field that is not known is passed over wherever it stands', () => {
  for (let place = 0; place < fieldsOf(TWO()).length; place += 1) {
    const body = TWO();
    const fields = fieldsOf(body)[place];
    assert.ok(fields !== undefined);
    fields['of_tomorrow'] = { list: [1, 'two', null] };
    assert.equal(assertAgrees(bytesOf(body)), true, `place ${place}`);
  }
});

test('every field of the schema is known', () => {
  const { shape } = telemetrySchema;
  const hostFields = shape.host.shape;
  const container = shape.containers.unwrap().unwrap().element.shape;
  const tables = [
    [shape, (fields: JsonObject) => ({ ...TWO(), ...fields })],
    [hostFields, (fields: JsonObject) => ({ ...TWO(), host: { metrics: {}, ...fields } })],
    [hostFields.metrics.shape, (fields: JsonObject) => ({ ...TWO(), host: { metrics: fields } })],
    [container, (fields: JsonObject) => telemetryBody({ containers: [containerBody(fields)] })],
    [
      container.metrics.unwrap().unwrap().shape,
      (fields: JsonObject) => telemetryBody({ containers: [containerBody({ metrics: fields })] }),
    ],
  ] as const;
  for (const [known, bodyWith] of tables) {
    // No field of the schema takes this, so whoever passes over it does not know the field.
    for (const name of Object.keys(known)) assert.equal(scan(bytesOf(bodyWith({ [name]: true }))), null, name);
  }
});

test('bodies that are nearly right are read as the schema reads them, or left to it', (t) => {
  const random = new SeededRandom(20_260_301);
  let read = 0;
  for (let index = 0; index < 8000; index += 1) if (assertAgrees(mutateBody(index, random))) read += 1;
  t.diagnostic(`${read} of 8000 were read at first sight`);
  assert.ok(read > 200);
});

test('a field set to anything is read as the schema reads it, or left to it', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.jsonValue({ maxDepth: 2 }), (place, name, value) => {
      const body = TWO();
      const places = fieldsOf(body);
      const fields = places[place % places.length] ?? body;
      const names = Object.keys(fields);
      fields[names[name % names.length] ?? ''] = value;
      assertAgrees(bytesOf(body));
    }),
    { numRuns: 20_000, seed: 20_260_301 },
  );
});

test('any number is read as a parser of JSON reads it', () => {
  const numbers = fc.oneof(
    fc.double({ min: 0, max: 1e21, noNaN: true }),
    fc.nat().map((value) => value / 100),
    fc.maxSafeNat(),
    fc.integer({ min: 0, max: 10 ** 7 }).map((value) => value / 10 ** 6),
  );
  let read = 0;
  fc.assert(
    fc.property(numbers, (value) => {
      if (assertAgrees(withHostMetric('load_average', JSON.stringify(value)))) read += 1;
    }),
    { numRuns: 20_000, seed: 20_260_301 },
  );
  assert.ok(read > 15_000, `${read}`);
});

test('fields in any order are read', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Object.keys(containerBody()), { minLength: 12 }), (names) => {
      const container = containerBody();
      const shuffled = Object.fromEntries(names.map((name) => [name, container[name]]));
      assert.equal(assertAgrees(bytesOf(telemetryBody({ containers: [shuffled] }))), true);
    }),
    { numRuns: 500, seed: 20_260_301 },
  );
});

test('ids that differ in a single place are told apart', () => {
  for (const length of [1, 2, 3, 4, 5, 12, 64]) {
    const ids = Array.from({ length }, (_, place) => `${'0'.repeat(place)}1${'0'.repeat(length - place - 1)}`);
    const containers = ['0'.repeat(length), ...ids].map((id) => containerBody({ container_id: id }));
    assert.equal(assertAgrees(bytesOf(telemetryBody({ containers }))), true, `${length}`);
  }
});

test('the ids of a host with many containers are told apart', () => {
  const containers = Array.from({ length: TELEMETRY_LIMITS.maxContainers }, (_, index) => ({
    container_id: `container-${String(index).padStart(5, '0')}`,
    name: 'a',
    image: 'b',
  }));
  assert.equal(assertAgrees(bytesOf(telemetryBody({ containers }))), true);
});

test('the fingerprint tells what containers are, and not how they do or what is not known of them', () => {
  const fingerprint = (first: JsonObject, others: JsonObject = {}): string | undefined =>
    scan(
      bytesOf(telemetryBody({ ...others, containers: [containerBody(first), containerBody({ container_id: 'd' })] })),
    )?.containers?.fingerprint;
  const usual = fingerprint({});
  assert.equal(typeof usual, 'string');
  const same: readonly JsonObject[] = [{ metrics: { cpu_percent: 1 } }, { metrics: {} }];
  for (const fields of same) assert.equal(fingerprint(fields), usual);
  assert.equal(fingerprint({}, { recorded_at: '2027-01-01T00:00:00Z', host: { metrics: {} } }), usual);
  const unknown = fingerprint({ restarts_of_tomorrow: 1 });
  assert.equal(fingerprint({ restarts_of_tomorrow: [2] }), unknown);
  const all = Object.keys(containerBody()).filter((name) => name !== 'metrics');
  const changed = all.map((name) => {
    const value = containerBody()[name];
    if (name === 'ports') return fingerprint({ ports: ['81/tcp'] });
    if (name === 'labels') return fingerprint({ labels: { 'com.docker.compose.project': 'shoq' } });
    return fingerprint({ [name]: name.endsWith('_at') ? '2026-03-02T10:00:00Z' : `${value}2` });
  });
  assert.equal(new Set([usual, unknown, ...changed]).size, all.length + 2);
});
