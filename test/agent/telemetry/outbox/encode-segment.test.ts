import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeSegment,
  encodeRecord,
  SEGMENT_HEADER_BYTES,
} from '../../../../agent/telemetry/outbox/encode-segment.ts';
import { restoreJson } from '../../../../agent/telemetry/outbox/outbox-tick.ts';
import { sampleOutboxTick, sampleTick } from '../sample-tick.ts';

const AT = Date.UTC(2026, 10, 21, 17, 0, 0);
const ticks = [0, 1, 2].map((index) => sampleOutboxTick(AT + index));
const records = ticks.map(encodeRecord);
const segment = Buffer.concat(records);
const times = (bytes: Buffer): number[] => decodeSegment(bytes).ticks.map(({ recordedAtMs }) => recordedAtMs - AT);

test('what was written is read back, byte for byte', async () => {
  const decoded = decodeSegment(segment);
  assert.deepEqual(decoded, { ticks, damaged: 0 });
  const [first] = decoded.ticks;
  assert.ok(first);
  assert.deepEqual(restoreJson(first), sampleTick(AT).json);
  assert.deepEqual(decodeSegment(Buffer.alloc(0)), { ticks: [], damaged: 0 });
});

test('a torn end costs the last tick only', () => {
  for (const missing of [1, 10, (records[2]?.length ?? 0) - 1]) {
    const torn = segment.subarray(0, segment.length - missing);
    assert.deepEqual(times(torn), [0, 1]);
    assert.equal(decodeSegment(torn).damaged, 1);
  }
});

test('a flipped bit in a payload costs that tick, in a header the way to the next one is found again', () => {
  const start = records[0]?.length ?? 0;
  for (const at of [0, 4, 8, 12, 20, 24, SEGMENT_HEADER_BYTES + 5]) {
    const flipped = Buffer.from(segment);
    flipped.writeUInt8(flipped.readUInt8(start + at) ^ 0x10, start + at);
    assert.deepEqual(times(flipped), [0, 2], `bit at ${at}`);
    assert.equal(decodeSegment(flipped).damaged, 1);
  }
});

test('a page of zeros, as some file systems leave after a power cut, is not a tick', () => {
  assert.deepEqual(decodeSegment(Buffer.alloc(4096)), { ticks: [], damaged: 1 });
  assert.deepEqual(times(Buffer.concat([segment, Buffer.alloc(4096)])), [0, 1, 2]);
});

test('whatever the bytes are, nothing but whole ticks comes out of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(segment.length), (noise, at) => {
      const bytes = Buffer.concat([segment.subarray(0, at), noise, segment.subarray(at)]);
      for (const tick of decodeSegment(bytes).ticks) {
        assert.deepEqual(
          tick,
          ticks.find(({ recordedAtMs }) => recordedAtMs === tick.recordedAtMs),
        );
      }
    }),
  );
});
