import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPlainTick } from '../../src/wire/plain-telemetry.ts';
import { readBySchema } from '../../src/wire/telemetry.ts';
import { mutateBody } from '../conformance/mutate-body.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { containerBody, type JsonObject, telemetryBody } from './telemetry-body.ts';

/** Undefined for what is no JSON. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function assertAgrees(body: unknown): boolean {
  const plain = readPlainTick(body);
  if (plain === undefined) return false;
  const judged = readBySchema(body);
  assert.ok(judged.ok, `the schema refuses what was read: ${JSON.stringify(judged)}`);
  assert.deepEqual(plain, judged.value);
  return true;
}

test('what agents send is read without the schema', () => {
  assert.ok(assertAgrees(telemetryBody()));
  assert.ok(assertAgrees(telemetryBody({ containers: null })));
  assert.ok(assertAgrees({ recorded_at: '2026-03-01T12:00:00+01:00', host: { metrics: {} } }));
  assert.ok(assertAgrees(telemetryBody({ containers: [{ container_id: 'a', name: 'b', image: 'c' }] })));
});

test('bodies that are nearly right are read as the schema reads them, or left to it', (t) => {
  const random = new SeededRandom(20_260_301);
  let read = 0;
  for (let index = 0; index < 4000; index += 1) if (assertAgrees(parse(mutateBody(index, random)))) read += 1;
  t.diagnostic(`${read} of 4000 were read at first sight`);
  assert.ok(read > 100);
});

/** What may stand in a field: right, wrong, and at the edges. */
const anything = fc.oneof(
  fc.constantFrom(null, undefined, true, '', 'text', 0, -0, -1, 0.5, 1, 100, 100.01, 1024, 1025, 2 ** 53, 2 ** 53 - 1),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NaN, 1e300, -1e-300, [], {}, [1], ['a'], { a: 'b' }, { a: 1 }),
  fc.constantFrom(
    '2026-03-01T10:00:00Z',
    '2026-02-30T10:00:00Z',
    '2026-03-01',
    '\ud800',
    JSON.parse('{"__proto__":1}'),
  ),
  fc.integer({ min: 0, max: 300 }).map((length) => 'x'.repeat(length)),
);

function fieldsOf(body: JsonObject): JsonObject[] {
  const host = body['host'] as JsonObject;
  const containers = body['containers'] as JsonObject[];
  const nested = [host['metrics'], host['facts'], ...containers, ...containers.map((one) => one['metrics'])];
  return [body, host, body['agent'] as JsonObject, ...(nested as JsonObject[])];
}

test('a field set to anything is read as the schema reads it, or left to it', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), anything, (place, name, value) => {
      const body = telemetryBody({ containers: [containerBody(), containerBody({ container_id: 'decaf' })] });
      const places = fieldsOf(body);
      const fields = places[place % places.length] ?? body;
      const names = Object.keys(fields);
      fields[names[name % names.length] ?? ''] = value;
      assertAgrees(body);
    }),
    { numRuns: 20_000, seed: 20_260_301 },
  );
});
