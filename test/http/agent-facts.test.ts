/** What agents say of themselves with their telemetry: shown with their host, and gone beyond where it is an epoch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostBodySchema } from '../../src/wire/operator.ts';
import { RolloutFleet } from './rollout-fleet.ts';

const AGENT = { version: '1.2.0', capabilities: ['rollouts'], compose_version: '2.40.0', boot_id: 'b-1' };

async function shownAgent(fleet: RolloutFleet, name: string): Promise<unknown> {
  const reply = await fleet.server.operator.send('GET', `/v1/hosts/${name}`);
  return hostBodySchema.parse(JSON.parse(reply.body)).agent;
}

test('what an agent says of itself is shown with its host, and stays when a tick says nothing', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  assert.equal(await shownAgent(fleet, 'web-1'), null);
  await fleet.report('web-1', { agent: AGENT });
  assert.deepEqual(await shownAgent(fleet, 'web-1'), AGENT);
  await fleet.report('web-1');
  assert.deepEqual(await shownAgent(fleet, 'web-1'), AGENT);
  await fleet.report('web-1', { agent: { version: '1.3.0' } });
  const newer = { version: '1.3.0', capabilities: [], compose_version: null, boot_id: null };
  assert.deepEqual(await shownAgent(fleet, 'web-1'), newer);
});

test('an offer goes beyond the epoch that its agent knows, which a restored server may not', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const release = await fleet.addRelease('1');
  await fleet.report('web-1', { agent: { ...AGENT, epochs: { web: 7, unheard: 9 } } });
  await fleet.report('web-1', { agent: { ...AGENT, epochs: { web: 6 } } });
  await fleet.createRollout(release, ['web-1', 'web-2']);
  assert.equal((await fleet.poll('web-1'))?.epoch, 8);
  assert.equal((await fleet.poll('web-2'))?.epoch, 1);
});
