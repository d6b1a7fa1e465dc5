import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeBatch, planBatch } from '../../../agent/telemetry/plan-batch.ts';

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

test('a batch that just fits is planned, and one that is a byte too long is not', () => {
  for (const texts of [['{}'], ['{"a":1}', '{}'], ['{}', '{}', '{"é":1}']]) {
    const jsons = texts.map((text) => Buffer.from(text));
    const batch = composeBatch(jsons);
    assert.deepEqual(JSON.parse(batch.toString()), { ticks: texts.map((text) => JSON.parse(text)) });
    const ticks = jsons.map((json, index) => tick(index, json.length));
    assert.equal(planBatch(ticks, 10, batch.length).length, ticks.length);
    assert.equal(planBatch(ticks, 10, batch.length - 1).length, Math.max(1, ticks.length - 1));
  }
});
