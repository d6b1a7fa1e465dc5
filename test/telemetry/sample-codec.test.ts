import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CONTAINER_METRICS,
  type ContainerMetrics,
  HOST_METRICS,
  type HostMetrics,
} from '../../src/domain/telemetry.ts';
import {
  assembleSample,
  decodeContainerMetrics,
  decodeHostMetrics,
  decodeSample,
  encodeSample,
  packContainers,
  packHost,
  type Sample,
  SampleDamaged,
} from '../../src/telemetry/sample-codec.ts';

const NO_HOST_METRICS: HostMetrics = {
  cpu_percent: null,
  load_average: null,
  memory_used_mb: null,
  memory_total_mb: null,
  disk_used_gb: null,
  disk_total_gb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
};

const NO_CONTAINER_METRICS: ContainerMetrics = {
  cpu_percent: null,
  memory_usage_mb: null,
  memory_limit_mb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
  block_read_bytes: null,
  block_write_bytes: null,
};

const FULL: Sample = {
  metrics: {
    cpu_percent: 37.25,
    load_average: 0.1,
    memory_used_mb: 2048,
    memory_total_mb: 8192,
    disk_used_gb: 0,
    disk_total_gb: 100,
    network_rx_bytes: 9_007_199_254_740_991,
    network_tx_bytes: 1,
  },
  containers: [
    { id: 1, metrics: { ...NO_CONTAINER_METRICS, cpu_percent: 1 / 3, memory_usage_mb: 256 } },
    { id: 4_294_967_296, metrics: NO_CONTAINER_METRICS },
    { id: 7, metrics: { ...NO_CONTAINER_METRICS, block_write_bytes: 4000 } },
  ],
};

// ── What it looks like ──

test('a tick without numbers is three bytes', () => {
  assert.deepEqual([...encodeSample({ metrics: NO_HOST_METRICS, containers: null })], [1, 0, 0]);
});

test('a tick with no containers differs from one that does not mention them', () => {
  const bytes = encodeSample({ metrics: NO_HOST_METRICS, containers: [] });
  assert.deepEqual([...bytes], [1, 0, 1, 0]);
  assert.deepEqual(decodeSample(bytes).containers, []);
});

test('whole numbers, hundredths and every other number have the forms that stored rows are in', () => {
  const rows: ReadonlyArray<readonly [value: number, bytes: readonly number[]]> = [
    [0, [0]],
    [1, [4]],
    [31, [124]],
    [32, [128, 1]],
    [0.01, [5]],
    [37.25, [181, 116]],
    [-1, [2, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf]],
    [0.001, [2, 0xfc, 0xa9, 0xf1, 0xd2, 0x4d, 0x62, 0x50, 0x3f]],
  ];
  for (const [value, bytes] of rows) {
    const encoded = encodeSample({ metrics: { ...NO_HOST_METRICS, cpu_percent: value }, containers: null });
    assert.deepEqual([...encoded], [1, 1, ...bytes, 0], String(value));
  }
});

// ── Lossless ──

test('a full sample is read back as it was written', () => {
  assert.deepEqual(decodeSample(encodeSample(FULL)), FULL);
});

test('every number comes back as the same number', () => {
  const values = [
    0,
    -0,
    0.01,
    0.1,
    0.29,
    0.57,
    1.005,
    99.99,
    100,
    1 / 3,
    0.1 + 0.2,
    2 ** 31,
    2 ** 32,
    2 ** 50,
    2 ** 50 + 1,
    2 ** 53 - 1,
    2 ** 53,
    11_258_999_068_426.24,
    11_258_999_068_426.25,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    -1,
    -0.01,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ];
  for (const value of values) {
    const sample: Sample = {
      metrics: { ...NO_HOST_METRICS, load_average: value },
      containers: [{ id: 3, metrics: { ...NO_CONTAINER_METRICS, block_write_bytes: value } }],
    };
    const bytes = encodeSample(sample);
    assert.deepEqual(decodeSample(bytes), sample, String(value));
    assert.equal(Object.is(decodeHostMetrics(bytes).load_average, value), true, String(value));
    assert.equal(Object.is(decodeContainerMetrics(bytes, 3)?.block_write_bytes, value), true, String(value));
  }
});

/** Any number there is, with those that metrics are made of well represented; or none. */
const anyValue = fc.option(
  fc.oneof(
    fc.double(),
    fc.maxSafeNat(),
    fc.nat(),
    fc.nat({ max: 1_000_000 }).map((hundredths) => hundredths / 100),
    fc
      .bigInt({ min: 0n, max: (1n << 64n) - 1n })
      .map((bits) => new Float64Array(new BigUint64Array([bits]).buffer)[0] ?? 0),
  ),
  { nil: null },
);

function anyMetrics<N extends string>(names: readonly N[]): fc.Arbitrary<Record<N, number | null>> {
  return fc
    .tuple(...names.map(() => anyValue))
    .map(
      (values) =>
        Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])) as Record<N, number | null>,
    );
}

const anyContainer = fc
  .tuple(fc.nat({ max: 2 ** 40 - 1 }), anyMetrics(CONTAINER_METRICS))
  .map(([id, metrics]) => ({ id, metrics }));

const anySample: fc.Arbitrary<Sample> = fc
  .tuple(
    anyMetrics(HOST_METRICS),
    fc.option(fc.uniqueArray(anyContainer, { selector: ({ id }) => id, maxLength: 20 }), { nil: null }),
  )
  .map(([metrics, containers]) => ({ metrics, containers }));

test('any sample of any numbers is read back as it was written, whole and in parts', () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const bytes = encodeSample(sample);
      assert.deepEqual(decodeSample(bytes), sample);
      assert.deepEqual(decodeHostMetrics(bytes), sample.metrics);
      for (const container of sample.containers ?? []) {
        assert.deepEqual(decodeContainerMetrics(bytes, container.id), container.metrics);
      }
      assert.equal(decodeContainerMetrics(bytes, 2 ** 40), undefined);
    }),
    { numRuns: 500 },
  );
});

test('a row is the same whether it is written at once or put together out of parts that came from afar', () => {
  fc.assert(
    fc.property(anySample, fc.nat({ max: 20 }), (sample, shift) => {
      const { metrics, containers } = sample;
      const host = packHost(metrics);
      const blocks = packContainers((containers ?? []).map((container) => container.metrics));
      const together = new Uint8Array(shift + host.length + blocks.length).fill(0xff);
      together.set(host, shift);
      together.set(blocks, shift + host.length);
      const row = assembleSample(
        together.subarray(shift, shift + host.length),
        containers?.map((container) => container.id) ?? null,
        together.subarray(shift + host.length),
      );
      assert.deepEqual(row, encodeSample(sample));
      assert.deepEqual(decodeSample(row), sample);
    }),
    { numRuns: 500 },
  );
});

test('a sample is read from the middle of a larger buffer, as a database hands it out', () => {
  const bytes = encodeSample(FULL);
  const larger = new Uint8Array(bytes.length + 20).fill(0xff);
  larger.set(bytes, 13);
  assert.deepEqual(decodeSample(larger.subarray(13, 13 + bytes.length)), FULL);
});

// ── Damage ──

/** Decodes in every way there is; anything but a result or `SampleDamaged` fails the test. */
function decodeInEveryWay(bytes: Uint8Array): void {
  for (const decode of [decodeSample, decodeHostMetrics, (row: Uint8Array) => decodeContainerMetrics(row, 7)]) {
    try {
      decode(bytes);
    } catch (error) {
      assert(error instanceof SampleDamaged, String(error));
    }
  }
}

test('bytes that no encoder wrote are refused with a sentence', () => {
  const rows: ReadonlyArray<readonly [bytes: readonly number[], reason: RegExp]> = [
    [[], /ends too early/],
    [[1], /ends too early/],
    [[1, 0], /ends too early/],
    [[1, 1], /ends too early/],
    [[1, 1, 2, 0, 0, 0], /ends too early/],
    [[1, 0, 1], /ends too early/],
    [[1, 0, 1, 1, 5], /ends too early/],
    [[1, 0, 1, 255, 255, 255, 255, 255, 255, 255, 15], /ends too early/],
    [[1, 0, 1, 255, 255, 255, 255, 255, 255, 255, 127], /too long/],
    [[1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 1], /too long/],
    [[1, 1, 3], /unknown form/],
    [[1, 1, 130, 1], /unknown form/],
    [[0, 0, 0], /version 0/],
    [[2, 0, 0], /version 2/],
  ];
  for (const [bytes, reason] of rows) {
    assert.throws(
      () => decodeSample(Uint8Array.from(bytes)),
      (error) => error instanceof SampleDamaged && reason.test(error.message),
      JSON.stringify(bytes),
    );
  }
});

test('a row that is cut anywhere is refused', () => {
  const bytes = encodeSample(FULL);
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => decodeSample(bytes.subarray(0, length)), SampleDamaged, `${length} bytes`);
  }
});

test('damaged bytes are refused as damaged, or read, and never fail in any other way', () => {
  fc.assert(
    fc.property(
      anySample,
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
      (sample, changes) => {
        const bytes = encodeSample(sample);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        decodeInEveryWay(bytes);
      },
    ),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodeInEveryWay), { numRuns: 1000 });
});
