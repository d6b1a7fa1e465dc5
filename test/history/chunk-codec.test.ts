import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeInstants,
  decodeRolled,
  decodeTicks,
  encodeInstants,
  encodeRolled,
  encodeTicks,
  finishNow,
} from '../../src/history/chunk-codec.ts';
import { ChunkDamaged, chunkDamaged } from '../../src/history/chunk-damaged.ts';
import { readColumn, writeColumn } from '../../src/history/column-codec.ts';
import { RollUpBuilder } from '../../src/history/roll-up.ts';
import { sampleAt, type TickBlock, TickBlockBuilder } from '../../src/history/tick-block.ts';
import { ByteReader, ByteWriter } from '../../src/telemetry/bytes.ts';
import { decodeSample, encodeSample, type Sample } from '../../src/telemetry/sample-codec.ts';

function encodeColumn(values: Float64Array): Uint8Array {
  const writer = new ByteWriter();
  writeColumn(writer, values);
  return writer.finish();
}

const metric = fc.oneof(
  fc.nat({ max: 2_000_000 }),
  fc.nat({ max: 10_000 }).map((value) => value / 100),
  fc.maxSafeNat(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(Number.NaN),
);

test('a column comes back as it was, bit by bit', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.array(metric), fc.array(fc.nat()), fc.array(fc.constantFrom(7, 7, Number.NaN))),
      (numbers) => {
        const values = Float64Array.from(numbers);
        const back = readColumn(new ByteReader(encodeColumn(values), chunkDamaged), values.length);
        assert.deepEqual([...back], [...values]);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('columns take the form that suits them', () => {
  const rows: ReadonlyArray<readonly [what: string, values: readonly number[], bytes: number]> = [
    ['nothing measured', [Number.NaN, Number.NaN, Number.NaN], 1],
    ['a constant', [8192, 8192, 8192, 8192], 4],
    ['a steady counter', Array.from({ length: 100 }, (_, index) => 5_000_000_000 + index * 1_000_000), 1 + 5 + 3 + 98],
    [
      'small noise around a level',
      Array.from({ length: 100 }, (_, index) => 70_000 + ((index * 37) % 100)),
      1 + 3 + 100,
    ],
    ['hundredths', [1.25, 1.5, 1.75], 1 + 2 + 2],
    ['a gap', [1, Number.NaN, Number.NaN, 1], 1 + 3 + 1],
    ['what is neither', [1 / 3, 1 / 3], 1 + 16],
  ];
  for (const [what, values, bytes] of rows) {
    assert.equal(encodeColumn(Float64Array.from(values)).length, bytes, what);
  }
});

test('instants come back, in units of their tier', () => {
  const ascending = fc.uniqueArray(fc.integer({ min: 0, max: 4_102_444_800 }), { maxLength: 200 });
  fc.assert(
    fc.property(ascending, fc.constantFrom(1, 60_000), (numbers, unit) => {
      const times = numbers.sort((a, b) => a - b).map((number) => number * unit);
      assert.deepEqual(decodeInstants(encodeInstants(times, unit)), times);
    }),
  );
  assert.equal(encodeInstants([1_772_323_200_000, 1_772_323_230_000, 1_772_323_260_000], 1).length, 13);
});

const value = fc.option(
  fc.oneof(
    fc.nat(),
    fc.nat({ max: 9999 }).map((whole) => whole / 100),
    fc.double({ min: 0, max: 1e300, noNaN: true }),
  ),
);
const hostMetrics = fc.record({
  cpu_percent: value,
  load_average: value,
  memory_used_mb: value,
  memory_total_mb: value,
  disk_used_gb: value,
  disk_total_gb: value,
  network_rx_bytes: value,
  network_tx_bytes: value,
});
const containerMetrics = fc.record({
  cpu_percent: value,
  memory_usage_mb: value,
  memory_limit_mb: value,
  network_rx_bytes: value,
  network_tx_bytes: value,
  block_read_bytes: value,
  block_write_bytes: value,
});
const sample: fc.Arbitrary<Sample> = fc.record({
  metrics: hostMetrics,
  containers: fc.option(
    fc.uniqueArray(fc.record({ id: fc.integer({ min: 1, max: 9 }), metrics: containerMetrics }), {
      selector: (one) => one.id,
    }),
  ),
});

function blockOf(samples: readonly Sample[]): TickBlock {
  const builder = new TickBlockBuilder(samples.map((_, index) => 1_772_323_200_000 + index * 30_000));
  for (const [index, one] of samples.entries()) builder.add(index, one);
  return builder.finish();
}

const sorted = (one: Sample): Sample => {
  const plain = decodeSample(encodeSample(one));
  return { ...plain, containers: plain.containers?.toSorted((a, b) => a.id - b.id) ?? null };
};

test('ticks come back as they were reported, and one series alone as it is among the others', () => {
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 12 }), (samples) => {
      const block = blockOf(samples);
      const values = finishNow(encodeTicks(block));
      const back = finishNow(decodeTicks(block.times, values));
      for (const [index, one] of samples.entries()) assert.deepEqual(sorted(sampleAt(back, index)), sorted(one));
      for (const [id, series] of block.series) {
        const alone = finishNow(decodeTicks(block.times, values, id));
        assert.deepEqual([...alone.series.keys()], [id]);
        assert.deepEqual(alone.series.get(id), series);
      }
    }),
  );
});

test('roll-ups come back, whole, hundredth and floating', () => {
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 12 }), (samples) => {
      const block = blockOf(samples);
      const builder = new RollUpBuilder(60_000, block.times);
      finishNow(builder.addTicks(block));
      const rolled = builder.finish();
      assert.deepEqual(finishNow(decodeRolled(rolled.times, finishNow(encodeRolled(rolled)), 60_000)), rolled);
    }),
  );
});

test('a roll-up of roll-ups is the roll-up of the samples', () => {
  // Whole numbers, whose sums are exact in any order.
  const whole = fc.array(fc.record({ cpu: fc.option(fc.nat(500)), rx: fc.option(fc.nat(1_000)) }), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(whole, (ticks) => {
      const block = blockOf(
        ticks.map(({ cpu, rx }) => ({
          metrics: { ...NOTHING, cpu_percent: cpu, network_rx_bytes: rx },
          containers: null,
        })),
      );
      const minutes = new RollUpBuilder(60_000, block.times);
      finishNow(minutes.addTicks(block));
      const rolled = minutes.finish();
      const [direct, twice] = [new RollUpBuilder(600_000, block.times), new RollUpBuilder(600_000, rolled.times)];
      finishNow(direct.addTicks(block));
      finishNow(twice.addRolled(rolled));
      assert.deepEqual(twice.finish(), direct.finish());
    }),
  );
});

const NOTHING = {
  cpu_percent: null,
  load_average: null,
  memory_used_mb: null,
  memory_total_mb: null,
  disk_used_gb: null,
  disk_total_gb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
};

test('damaged bytes throw the one error or are read as something, and never hang', () => {
  const block = blockOf(fc.sample(sample, { numRuns: 20, seed: 7 }));
  const rolled = new RollUpBuilder(60_000, block.times);
  finishNow(rolled.addTicks(block));
  const minutes = rolled.finish();
  const texts: ReadonlyArray<readonly [Uint8Array, (bytes: Uint8Array) => unknown]> = [
    [encodeInstants(block.times, 1), decodeInstants],
    [finishNow(encodeTicks(block)), (bytes) => finishNow(decodeTicks(block.times, bytes))],
    [finishNow(encodeRolled(minutes)), (bytes) => finishNow(decodeRolled(minutes.times, bytes, 60_000))],
  ];
  for (const [bytes, decode] of texts) {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, byte, length) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        for (const text of [damaged, bytes.slice(0, length)]) {
          try {
            decode(text);
          } catch (error) {
            assert(error instanceof ChunkDamaged, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        try {
          decode(noise);
        } catch (error) {
          assert(error instanceof ChunkDamaged, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  }
});
