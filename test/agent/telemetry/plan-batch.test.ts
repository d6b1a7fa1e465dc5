import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchJsonBytes, composeBatch, planBatch } from '../../../agent/telemetry/plan-batch.ts';

const tick = (recordedAtMs: number, jsonBytes = 10) => ({ recordedAtMs, jsonBytes });
const ROWS: [string, ReturnType<typeof tick>[], number, number, number[]][] = [
  ['nothing', [], 100, 1000, []],
  ['oldest first', [tick(3), tick(1), tick(2)], 100, 1000, [1, 2, 3]],
  ['at most so many', [tick(3), tick(1), tick(2)], 2, 1000, [1, 2]],
  ['at most so many bytes, envelope and commas included', [tick(1), tick(2), tick(3)], 100, 33, [1, 2]],
  ['one byte less holds one tick less', [tick(1), tick(2), tick(3)], 100, 32, [1]],
  ['a tick too large for any batch goes alone', [tick(1, 5000), tick(2)], 100, 1000, [1]],
];
for (const [what, ticks, maxTicks, maxBytes, planned] of ROWS) {
  test(`a batch: ${what}`, () => {
    assert.deepEqual(
      planBatch(ticks, maxTicks, maxBytes).map(({ recordedAtMs }) => recordedAtMs),
      planned,
    );
  });
}

test('the length of a batch is known before it is written', () => {
  for (const texts of [['{}'], ['{"a":1}', '{}'], ['{}', '{}', '{"é":1}']]) {
    const jsons = texts.map((text) => Buffer.from(text));
    const batch = composeBatch(jsons);
    assert.deepEqual(JSON.parse(batch.toString()), { ticks: texts.map((text) => JSON.parse(text)) });
    assert.equal(batchJsonBytes(jsons.map((json, index) => tick(index, json.length))), batch.length);
  }
});
