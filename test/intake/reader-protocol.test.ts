import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AgentReport, type HostFacts, NO_FACTS, type PackedTick } from '../../src/domain/telemetry.ts';
import { readBodies, readTicks, writeBodies, writeTicks } from '../../src/intake/reader-protocol.ts';

const anyBytes = fc.uint8Array({ maxLength: 60 });

const PLAIN = { noNullPrototype: true } as const;

const anyFacts: fc.Arbitrary<HostFacts> = fc.oneof(
  fc.constant(NO_FACTS),
  fc.record(
    {
      cpuCount: fc.option(fc.nat()),
      memoryTotalMb: fc.option(fc.maxSafeNat()),
      diskTotalGb: fc.option(fc.maxSafeNat()),
      os: fc.option(fc.string()),
      dockerVersion: fc.option(fc.string()),
    },
    PLAIN,
  ),
);

const anyAgent: fc.Arbitrary<AgentReport> = fc.record(
  {
    version: fc.option(fc.string()),
    capabilities: fc.array(fc.string()),
    composeVersion: fc.option(fc.string()),
    bootId: fc.option(fc.string()),
    epochs: fc.dictionary(fc.string(), fc.nat(), PLAIN),
  },
  PLAIN,
);

const anyTick: fc.Arbitrary<PackedTick> = fc.record(
  {
    recordedAtMs: fc.maxSafeInteger(),
    facts: anyFacts,
    agent: fc.option(anyAgent),
    host: anyBytes,
    containers: fc.option(fc.record({ fingerprint: fc.string(), count: fc.nat(), blocks: anyBytes }, PLAIN)),
  },
  PLAIN,
);

/** As it arrives on the other side of a port: a copy, whose buffer has been handed over. */
function sent<T extends { readonly bytes: Uint8Array<ArrayBuffer> }>(message: T): T {
  return structuredClone(message, { transfer: [message.bytes.buffer] });
}

test('any bodies arrive as they were, and stay what they were where they came from', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 40 }), (bodies) => {
      const before = structuredClone(bodies);
      assert.deepEqual(readBodies(sent(writeBodies(bodies))), before);
      assert.deepEqual(bodies, before);
    }),
    { numRuns: 500 },
  );
});

test('any ticks arrive as they were, in their places, with nothing in the places of those that are in doubt', () => {
  fc.assert(
    fc.property(fc.array(fc.option(anyTick), { maxLength: 40 }), (ticks) => {
      assert.deepEqual(readTicks(sent(writeTicks(ticks))), ticks);
    }),
    { numRuns: 500 },
  );
});

test('a tick without containers arrives as another than one that says nothing of them', () => {
  const bare = { recordedAtMs: 1, facts: NO_FACTS, agent: null, host: Uint8Array.of(0) };
  const empty = { ...bare, containers: { fingerprint: 'none', count: 0, blocks: new Uint8Array(0) } };
  const silent = { ...bare, containers: null };
  assert.deepEqual(readTicks(sent(writeTicks([empty, silent, empty]))), [empty, silent, empty]);
});

test('a body is read from the middle of a larger buffer, as a connection hands it out', () => {
  const larger = Uint8Array.of(9, 9, 1, 2, 3, 9);
  assert.deepEqual(readBodies(sent(writeBodies([larger.subarray(2, 5), larger.subarray(0, 0)]))), [
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
  ]);
});
