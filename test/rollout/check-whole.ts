/** What can be seen of one rollout at rest, counted again from its hosts. */
import assert from 'node:assert/strict';
import type { RolloutHost, WaveCounts } from '../../src/domain/rollout.ts';
import { type Bucket, bucketOf, occupies } from '../../src/rollout/host-bucket.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { isOpen } from '../../src/rollout/rollout-state.ts';
import { NO_COUNTS, total } from '../../src/rollout/wave-counts.ts';

/** The counts as they must be. */
export function recount(waveCount: number, hosts: Iterable<RolloutHost>): WaveCounts[] {
  const waves = Array.from({ length: waveCount }, (): Record<Bucket, number> => ({ ...NO_COUNTS }));
  for (const host of hosts) {
    const counts = waves[host.wave];
    if (counts !== undefined) counts[bucketOf(host)] += 1;
  }
  return waves;
}

/** The invariants of `src/rollout/invariants` that one change cannot show, by their codes. */
export function checkWhole(rollout: Rollout): void {
  const { plan, progress } = rollout;
  const counts = recount(plan.waves.length, rollout.hosts.values());
  assert.equal(JSON.stringify(progress.waves), JSON.stringify(counts), 'I8: the counts are those of the hosts');
  for (const host of rollout.hosts.values()) {
    const bucket = bucketOf(host);
    assert.equal(rollout.inFlight.has(host.name), bucket === 'inFlight', `I8: ${host.name} in the index of flights`);
    const waits = rollout.pending[host.wave]?.has(host.name) === true;
    assert.equal(waits, bucket === 'pending', `I8: ${host.name} in the index of the pending`);
    const isOccupied = occupies(plan, host);
    assert.equal(rollout.occupied.has(host.name), isOccupied, `I8: ${host.name} in the index of the occupied`);
    const isTouched = host.epoch !== null || host.state !== 'pending';
    assert.ok(!isTouched || host.wave <= progress.currentWave, `I1: ${host.name} was dispatched early`);
  }
  const inFlight = total(counts, 'inFlight');
  assert.ok(inFlight <= plan.maxInFlight, `I2: ${inFlight} are in flight`);
  const goesOn = isOpen(progress.status) && total(counts, 'failed') > plan.failureThreshold;
  assert.ok(!goesOn, 'I3: the rollout goes on after its last tolerated failure');
}
