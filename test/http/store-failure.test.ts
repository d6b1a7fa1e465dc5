import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

const DISK_FULL = new NexusError('store_unavailable', 'the disk is full: free some space');

test('while the store fails nothing is answered as done, and the server says so and stays up', async (t) => {
  let isBroken = false;
  const server = await FleetServer.start(t, {
    watchStore: (store) => {
      if (isBroken) {
        store.close();
        throw DISK_FULL;
      }
      return {
        ...store,
        commit(writes) {
          if (isBroken) throw DISK_FULL;
          return store.commit(writes);
        },
      };
    },
  });
  const { token } = await server.operator.addHost('web-1');
  const admin = await server.operator.createAdminToken();
  assert.equal(await server.report(token, telemetryBody()), 204);

  isBroken = true;
  const replies = await Promise.all(
    [10, 20, 30].map((second) => server.post('/agent/telemetry', token, bareTick(`2026-03-01T12:00:${second}Z`))),
  );
  for (const reply of replies) {
    assert.equal(reply.status, 503);
    assert.equal(reply.headers['retry-after'], '5');
    assert.match(reply.body, /the disk is full: free some space/);
  }
  const ready = await server.operator.send('GET', '/readyz');
  assert.equal(ready.status, 503);
  assert.deepEqual(JSON.parse(ready.body), { ready: false, reason: 'the disk is full: free some space' });
  assert.equal((await server.operator.send('GET', '/healthz')).status, 200);
  assert.equal((await server.operator.send('GET', '/v1/hosts')).status, 503);
  assert.equal((await server.operatorOverTcp('GET', '/v1/hosts', admin.token)).status, 503);
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:40Z')), 503);
  assert.equal(server.log.said('the store failed: the server answers 503 until it works again').length, 1);

  isBroken = false;
  await server.restart();
  assert.equal((await server.operator.history('web-1')).points.length, 1);
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:50Z')), 204);
});
