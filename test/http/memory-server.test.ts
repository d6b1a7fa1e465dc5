/** The whole server on the reference store, whose commits are asynchronous and whose power is cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import { createMemoryStore, type MemoryImage, type MemoryStore } from '../../src/memory/memory-store.ts';
import { bareTick, containerBody } from '../wire/telemetry-body.ts';
import type { FleetServer } from './fleet-server.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

/** What is durable, and the power that makes it so. */
class MemoryDisk {
  #image: MemoryImage | undefined;
  #store: MemoryStore | undefined;
  #isHolding = false;
  #cut: (() => void) | undefined;

  /** A store that begins with what the last one has left, and whose commits become durable some turns later. */
  open = (): MemoryStore => {
    const image = this.#store?.image() ?? this.#image;
    this.#store = createMemoryStore({ ...(image && { image }), sync: () => this.#sync() });
    return this.#store;
  };

  async #sync(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (!this.#isHolding) return;
    await new Promise<void>((_resolve, reject) => {
      this.#cut = () => reject(new NexusError('store_unavailable', 'the power was cut'));
    });
  }

  /** From now on no commit becomes durable. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Resolves once a commit waits to become durable. */
  async untilHeld(): Promise<void> {
    while (this.#cut === undefined) await new Promise((resolve) => setImmediate(resolve));
  }

  /** What was not durable is gone. */
  cutPower(): void {
    this.#isHolding = false;
    this.#cut?.();
  }
}

async function readAll(server: FleetServer, paths: readonly string[]): Promise<string[]> {
  const read: string[] = [];
  for (const path of paths) {
    const reply = await server.operator.send('GET', path);
    assert.equal(reply.status, 200, `${path}: ${reply.body}`);
    read.push(reply.body);
  }
  return read;
}

test('hosts, history and a rollout are the same after the power was cut, and nothing acknowledged is lost', async (t) => {
  const disk = new MemoryDisk();
  const fleet = await RolloutFleet.start(t, ['web-1', 'web-2'], { openStore: disk.open });
  const { server } = fleet;
  const ticks = Array.from({ length: 90 }, (_, minute) => {
    const recordedAt = new Date(server.clock.nowMs() - 9 * 3_600_000 + minute * 60_000).toISOString();
    return bareTick(recordedAt, { host: { metrics: { cpu_percent: minute } }, containers: [containerBody()] });
  });
  assert.equal(await server.backFill(fleet.tokenOf('web-1'), ticks), 204);
  await server.compact();
  const release = await fleet.addRelease('1', { soak_seconds: 1 });
  const { id } = await fleet.createRollout(release, ['web-1', 'web-2'], { waves: [{ count: 1 }, { percent: 100 }] });
  const poll = fleet.poll('web-2', 30);
  await fleet.bring('web-1', id, release, 'soaking');
  server.clock.advance(5);
  assert.equal((await fleet.send('web-1', id, 4, eventOf('converged', release))).status, 204);
  assert.equal((await poll)?.rollout_id, id, 'the second wave wakes the poll that waits');
  assert.equal((await fleet.send('web-2', id, 1, eventOf('dispatch_ack', release))).status, 204);

  const paths = [
    '/v1/hosts',
    '/v1/hosts/web-1/containers',
    '/v1/hosts/web-1/metrics?from=2026-03-01T00:00:00Z&step_seconds=60',
    `/v1/rollouts/${id}`,
    '/v1/events?limit=1000',
  ];
  const before = await readAll(server, paths);
  assert.match(before[2] ?? '', /"tier":"1m"/);
  disk.hold();
  let status = 0;
  const lost = server.report(fleet.tokenOf('web-2'), bareTick('2026-03-01T12:00:09Z')).then((answered) => {
    status = answered;
  });
  await disk.untilHeld();
  assert.equal(status, 0, 'it is not answered before it is durable');
  disk.cutPower();
  await lost;
  assert.equal(status, 503);

  await server.restart();
  assert.deepEqual(await readAll(server, paths), before);
  assert.deepEqual((await fleet.replay(id)).differences, []);
  assert.equal((await fleet.send('web-2', id, 1, eventOf('dispatch_ack', release))).status, 204, 'a duplicate');
  assert.equal((await fleet.send('web-2', id, 2, eventOf('activation_completed', release))).status, 204);
});
