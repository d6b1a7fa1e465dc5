import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StackHostBody } from '../../../src/wire/stack.ts';
import { rolloutHost, samplePlan, sampleRollout } from '../../client/sample-rollouts.ts';
import { operate } from '../run-against.ts';

const V1 = `sha256:${'1'.repeat(64)}`;
const V2 = `sha256:${'2'.repeat(64)}`;

function onHost(host: string, changes: Partial<StackHostBody> = {}): StackHostBody {
  return {
    stack: 'shop',
    host,
    status: 'online',
    desired: { release: V1, version: '1' },
    observed: { release: V1, version: '1' },
    since: '2026-05-01T11:00:00.000Z',
    rollout_id: 'ro_1',
    services: [],
    watched: true,
    drift: null,
    ...changes,
  };
}

const DRIFT = { since: '2026-05-01T11:30:00.000Z', findings: ["service 'web' has no container any more"] };
const STACK = {
  stack: 'shop',
  hosts: [
    onHost('web-1'),
    onHost('web-2', { desired: { release: V2, version: '2' } }),
    onHost('web-3', { drift: DRIFT }),
    onHost('web-4', { watched: false }),
    onHost('web-5', { desired: null, observed: null, since: null, watched: false }),
    onHost('web-6', { desired: { release: V2, version: null }, observed: { release: V2, version: null } }),
    onHost('web-7', { observed: null, since: null, drift: DRIFT }),
  ],
};

describe('stack list', () => {
  it('shows how many hosts run which release', async (t) => {
    const releases = [
      { release: V1, version: '1', hosts: 4 },
      { release: null, version: null, hosts: 1 },
    ];
    const stacks = [{ stack: 'shop', releases, hosts: 5, behind: 1, drifted: 2 }];
    const { run } = await operate(t, { 'GET /v1/stacks': { body: { stacks } } });
    const { terminal } = await run(['stack', 'list']);
    assert.match(terminal.out(), /^shop +5 +shop 1 \(111111111111\) on 4 hosts, nothing on 1 host +1 +2$/m);
  });

  it('says what to do next when there are none', async (t) => {
    const { run } = await operate(t, { 'GET /v1/stacks': { body: { stacks: [] } } });
    const { code, terminal } = await run(['stack', 'list']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus rollout create RELEASE/);
  });
});

describe('stack show', () => {
  it('shows each host, and what has drifted', async (t) => {
    const { run } = await operate(t, { 'GET /v1/stacks/shop': { body: STACK } });
    const { terminal } = await run(['stack', 'show', 'shop']);
    assert.deepEqual(
      terminal
        .out()
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd()),
      [
        'HOST   RUNS                   SINCE                     STATE',
        'web-1  shop 1 (111111111111)  2026-05-01T11:00:00.000Z  as deployed',
        'web-2  shop 1 (111111111111)  2026-05-01T11:00:00.000Z  to run shop 2 (222222222222)',
        'web-3  shop 1 (111111111111)  2026-05-01T11:00:00.000Z  drifted',
        'web-4  shop 1 (111111111111)  2026-05-01T11:00:00.000Z  not compared yet',
        'web-5  nothing                –',
        'web-6  shop (222222222222)    2026-05-01T11:00:00.000Z  as deployed',
        'web-7  nothing                –                         drifted',
        '',
        'web-3 drifted 2026-05-01T11:30:00.000Z:',
        "  service 'web' has no container any more",
        '',
        'web-7 drifted 2026-05-01T11:30:00.000Z:',
        "  service 'web' has no container any more",
      ],
    );
  });
});

describe('stack remove', () => {
  it('rolls out a release of nothing', async (t) => {
    const release = {
      digest: V2,
      stack: 'shop',
      version: 'removed',
      created_at: STACK.hosts[0]?.since,
      quarantine: null,
    };
    const { api, run } = await operate(t, {
      'GET /v1/stacks/shop': { body: STACK },
      'POST /v1/releases': { status: 201, body: release },
      'GET /v1/releases': { body: { releases: [release], next_cursor: null } },
      'POST /v1/rollouts/plan': { body: samplePlan() },
      'POST /v1/rollouts': { status: 201, body: sampleRollout([rolloutHost('web-1')], { id: 'ro_9' }) },
    });
    const { code, terminal } = await run(['stack', 'remove', 'shop', '--host', 'web-1']);
    assert.deepEqual([code, terminal.out()], [0, 'ro_9\n'], terminal.err());
    const sent = (path: string) => api.seen.find((one) => one.method === 'POST' && one.path === path)?.body;
    assert.deepEqual(sent('/v1/releases'), {
      kind: 'nexus.release/1',
      stack: 'shop',
      version: 'removed',
      compose: 'services: {}\n',
      removes_stack: true,
      policy: { soak_seconds: 0, on_health_failure: 'halt', telemetry: 'off' },
    });
    assert.deepEqual(sent('/v1/rollouts'), { hosts: ['web-1'], release: V2 });
  });

  it('adds nothing for a stack that is not there', async (t) => {
    const body = { type: 'about:blank', title: 'x', status: 404, detail: "there is no stack 'shup'" };
    const { api, run } = await operate(t, { 'GET /v1/stacks/shup': { status: 404, body } });
    const { code, terminal } = await run(['stack', 'remove', 'shup', '--host', 'web-1']);
    assert.equal(code, 1);
    assert.match(terminal.err(), /there is no stack 'shup'/);
    assert.equal(api.seen.length, 1);
  });
});

describe('rollout undo', () => {
  it('names the rollouts that go back, and the hosts that stay', async (t) => {
    const not_undone = [{ host: 'web-3', reason: 'ran nothing of this stack before' }];
    const body = { stack: 'shop', rollouts: ['ro_2'], not_undone };
    const { run } = await operate(t, { 'POST /v1/stacks/shop/undo': { status: 201, body } });
    const { code, terminal } = await run(['rollout', 'undo', 'shop']);
    assert.equal(code, 0);
    assert.equal(terminal.out(), 'Rollout ro_2 goes back. To follow it: nexus rollout watch ro_2\n');
    assert.equal(terminal.err(), "Not undone: 'web-3' ran nothing of this stack before.\n");
  });

  it('exits 1 where nothing can be undone', async (t) => {
    const body = { stack: 'shop', rollouts: [], not_undone: [] };
    const { run } = await operate(t, { 'POST /v1/stacks/shop/undo': { status: 201, body } });
    const { code, terminal } = await run(['rollout', 'undo', 'shop']);
    assert.equal(code, 1);
    assert.match(terminal.err(), /nexus stack show shop/);
  });
});
