import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { NexusClient } from '../../src/client/nexus-client.ts';
import { NexusError } from '../../src/domain/errors.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';
import { type FakeAnswer, type FakeApi, type SeenRequest, startFakeApi } from './fake-api.ts';
import {
  olderRelease,
  rolloutHost,
  SENT_MANIFEST,
  SHOP_1_5,
  samplePlan,
  sampleRelease,
  sampleRollout,
  summaryOf,
} from './sample-rollouts.ts';

async function connect(
  t: TestContext,
  answer: (request: SeenRequest) => FakeAnswer,
): Promise<{ api: FakeApi; client: NexusClient }> {
  const api = await startFakeApi(answer);
  const client = new NexusClient({ url: api.url }, { runtime: new HandDrivenRuntime() });
  t.after(async () => {
    await client.close();
    await api.close();
  });
  return { api, client };
}

const ROLLOUT = sampleRollout([rolloutHost('web-1'), rolloutHost('web-2', { wave: 1 })]);
const DIGEST_PATH = `/v1/releases/${encodeURIComponent(SHOP_1_5)}`;
const REQUEST = { release: SHOP_1_5, selector: { role: 'web' }, waves: [{ count: 1 }, { percent: 100 }] };

describe('NexusClient asks about releases and rollouts', () => {
  const calls: Array<
    [string, (client: NexusClient) => Promise<unknown>, method: string, path: string, sent: unknown, answer: unknown]
  > = [
    ['createRelease', (c) => c.createRelease(SENT_MANIFEST), 'POST', '/v1/releases', SENT_MANIFEST, sampleRelease()],
    [
      'liftQuarantine',
      (c) => c.liftQuarantine(SHOP_1_5, 'it was the proxy'),
      'POST',
      `${DIGEST_PATH}/lift`,
      { reason: 'it was the proxy' },
      { lifted: 1 },
    ],
    ['createRollout', (c) => c.createRollout(REQUEST), 'POST', '/v1/rollouts', REQUEST, ROLLOUT],
    ['planRollout', (c) => c.planRollout(REQUEST), 'POST', '/v1/rollouts/plan', REQUEST, samplePlan()],
    ['getRollout', (c) => c.getRollout('a/b'), 'GET', '/v1/rollouts/a%2Fb', undefined, ROLLOUT],
    ['pauseRollout', (c) => c.pauseRollout('ro_1'), 'POST', '/v1/rollouts/ro_1/pause', undefined, ROLLOUT],
    ['resumeRollout', (c) => c.resumeRollout('ro_1'), 'POST', '/v1/rollouts/ro_1/resume', undefined, ROLLOUT],
    [
      'abortRollout',
      (c) => c.abortRollout('ro_1', { rollback: true, reason: 'x' }),
      'POST',
      '/v1/rollouts/ro_1/abort',
      { rollback: true, reason: 'x' },
      { ...ROLLOUT, rollbacks: ['ro_2'], not_rolled_back: [{ host: 'web-1', reason: 'ran nothing before' }] },
    ],
    [
      'readRolloutEvents',
      (c) => c.readRolloutEvents('ro_1', { after: 7 }),
      'GET',
      '/v1/rollouts/ro_1/events?after=7&limit=1000',
      undefined,
      { events: [], next: 7 },
    ],
    [
      'replayRollout',
      (c) => c.replayRollout('ro_1'),
      'POST',
      '/v1/rollouts/ro_1/replay',
      undefined,
      { equal: false, entries: 12, hosts: 2, differences: ['rollout'] },
    ],
  ];
  for (const [name, call, method, path, sent, answer] of calls) {
    it(name, async (t) => {
      const { api, client } = await connect(t, () => ({ body: answer }));
      assert.deepEqual(await call(client), answer);
      assert.deepEqual(
        api.seen.map((request) => [request.method, request.path, request.body]),
        [[method, path, sent]],
      );
    });
  }

  it('and keeps a manifest as it was sent beside what it means', async (t) => {
    const { api, client } = await connect(t, () => ({ body: SENT_MANIFEST }));
    const { sent, manifest } = await client.getManifest(SHOP_1_5);
    assert.deepEqual(sent, SENT_MANIFEST);
    assert.deepEqual(manifest.probes, [
      {
        name: 'front',
        mode: 'enforce',
        interval_seconds: 5,
        timeout_seconds: 3,
        http: { url: 'http://127.0.0.1:8080/health' },
      },
    ]);
    assert.equal(manifest.policy?.soak_seconds, 90);
    assert.equal(api.seen[0]?.path, DIGEST_PATH);
  });

  it('page by page to the end', async (t) => {
    const { api, client } = await connect(t, ({ path }) => {
      const second = path.includes('cursor=');
      if (path.startsWith('/v1/releases')) {
        return { body: { releases: [second ? olderRelease() : sampleRelease()], next_cursor: second ? null : 'c' } };
      }
      const rollout = summaryOf({ ...ROLLOUT, id: second ? 'ro_0' : 'ro_1' });
      return { body: { rollouts: [rollout], next_cursor: second ? null : 'ro_1' } };
    });
    const { releases } = await client.listReleases();
    assert.deepEqual(
      releases.map((release) => release.version),
      ['1.5', '1.4'],
    );
    const { rollouts } = await client.listRollouts();
    assert.deepEqual(
      rollouts.map((rollout) => rollout.id),
      ['ro_1', 'ro_0'],
    );
    assert.equal(api.seen.length, 4);
  });

  it('but sends nothing that breaks a rule', async (t) => {
    const { api, client } = await connect(t, () => ({ body: ROLLOUT }));
    await assert.rejects(client.createRollout({ ...REQUEST, max_in_flight: 0 }), (error) => {
      assert.ok(error instanceof NexusError && error.code === 'usage');
      assert.deepEqual(error.details['errors'], [{ path: 'max_in_flight', message: 'must be at least 1' }]);
      return true;
    });
    assert.deepEqual(api.seen, []);
  });

  it('for the newest rollout alone', async (t) => {
    const rollouts = [summaryOf(ROLLOUT)];
    const { api, client } = await connect(t, () => ({ body: { rollouts: rollouts.splice(0), next_cursor: 'ro_1' } }));
    assert.deepEqual(await client.newestRollout(), summaryOf(ROLLOUT));
    assert.equal(await client.newestRollout(), null);
    assert.equal(api.seen[0]?.path, '/v1/rollouts?limit=1');
  });

  it('and passes on which rule a manifest breaks, and where a rollout stands', async (t) => {
    const problems: FakeAnswer[] = [
      {
        status: 422,
        body: { type: 'about:blank', title: 'x', status: 422, errors: [{ path: 'compose', message: 'is not YAML' }] },
      },
      { status: 409, body: { type: 'about:blank', title: 'x', status: 409, detail: 'over', current_state: 'halted' } },
    ];
    const { client } = await connect(t, () => problems.shift() ?? {});
    await assert.rejects(client.createRelease({}), (error) => {
      assert.ok(error instanceof NexusError && error.code === 'invalid');
      assert.deepEqual(error.details['errors'], [{ path: 'compose', message: 'is not YAML' }]);
      return true;
    });
    await assert.rejects(client.pauseRollout('ro_1'), (error) => {
      assert.ok(error instanceof NexusError && error.code === 'conflict');
      assert.deepEqual([error.message, error.details['current_state']], ['over', 'halted']);
      return true;
    });
  });
});
