/** What a store keeps of the log, of releases and of rollouts, and what it finds of them. */
import assert from 'node:assert/strict';
import type { Release } from '../../src/domain/release.ts';
import type { RolloutHost } from '../../src/domain/rollout.ts';
import type { Store } from '../../src/domain/store.ts';
import type { Write } from '../../src/domain/writes.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { NOON_MS, POLICY, samplePlan, TARGET } from '../rollout/sample-rollout.ts';
import { append, entry, quarantine } from './sample-writes.ts';
import { contract, load } from './stores.ts';

contract(
  'entries of the log are read in the order of their ids, of one host or one rollout when asked',
  async (store) => {
    const entries = [
      entry(1, { host: 'web-1' }),
      entry(2, { host: 'web-2', rolloutId: 'ro_1', kind: 'host_left', data: {} }),
      entry(3, { host: 'web-1', rolloutId: 'ro_1', kind: 'host_left', data: {} }),
      entry(4, { host: 'web-1', rolloutId: 'ro_2', kind: 'host_left', data: {} }),
    ];
    await store.commit(append(...entries));
    const ids = (after: number, limit: number, of = {}) => store.events.page(after, limit, of).map(({ id }) => id);
    assert.deepEqual(store.events.page(0, 10, {}), entries);
    assert.deepEqual(ids(1, 2), [2, 3]);
    assert.deepEqual(ids(4, 2), []);
    assert.deepEqual(ids(0, 10, { host: 'web-1' }), [1, 3, 4]);
    assert.deepEqual(ids(1, 1, { host: 'web-1' }), [3]);
    assert.deepEqual(ids(0, 10, { rolloutId: 'ro_1' }), [2, 3]);
    assert.deepEqual([...store.events.ofRollout('ro_1')], entries.slice(1, 3));
    assert.deepEqual([...store.events.ofRollout('ro_3')], []);
  },
);

function reported(id: number, rolloutId: string, host: string, seq: number): Write[] {
  const numbered = { seq, bodyDigest: `${rolloutId} ${host} ${seq}`, fact: { type: 'dispatch_ack' } };
  return append(entry(id, { kind: 'host_reported', host, rolloutId, data: { numbered } }));
}

contract('the digest of an event is found by its rollout, its host and its number', async (store) => {
  await store.commit([
    ...reported(1, 'ro_1', 'web-1', 1),
    ...reported(2, 'ro_1', 'web-1', 3),
    ...reported(3, 'ro_1', 'web-2', 2),
    ...reported(4, 'ro_2', 'web-1', 2),
    ...append(entry(5, { kind: 'host_left', host: 'web-1', rolloutId: 'ro_1', data: { numbered: { seq: 9 } } })),
  ]);
  const find = (rolloutId: string, host: string, seq: number) =>
    ({ kind: 'applied_event', rolloutId, host, seq }) as const;
  const results = await store.lookUp([
    find('ro_1', 'web-1', 1),
    find('ro_1', 'web-1', 2),
    find('ro_1', 'web-1', 3),
    find('ro_1', 'web-2', 2),
    find('ro_2', 'web-1', 2),
    find('ro_2', 'web-2', 2),
    find('ro_1', 'web-1', 9),
  ]);
  assert.deepEqual(results, ['ro_1 web-1 1', null, 'ro_1 web-1 3', 'ro_1 web-2 2', 'ro_2 web-1 2', null, null]);
});

function release(digest: string, version: string): Release {
  return {
    digest,
    stack: 'shop',
    version,
    createdAtMs: NOON_MS,
    policy: POLICY,
    publishedPorts: [80, 443],
    containerNames: ['shop'],
    removesStack: true,
  };
}

contract('releases come back in the order they came, with the bytes of their manifests', async (store) => {
  const [first, second] = [release('sha256:b', '1'), release('sha256:a', '2')];
  const manifest = Uint8Array.from([0, 255, 10]);
  await store.commit([
    { kind: 'insert_release', number: 1, release: first, manifest },
    { kind: 'insert_release', number: 2, release: second, manifest: new Uint8Array() },
  ]);
  const { releases, numbers } = await load(store);
  assert.deepEqual([releases, numbers.release], [[first, second], 2]);
  assert.deepEqual([...(store.releases.manifest('sha256:b') ?? [])], [0, 255, 10]);
  assert.equal(store.releases.manifest('sha256:c'), undefined);
});

contract('a quarantine is loaded until it is lifted', async (store) => {
  await store.commit([
    { kind: 'insert_quarantine', quarantine: quarantine(1) },
    { kind: 'insert_quarantine', quarantine: quarantine(2, { stack: 'web' }) },
  ]);
  assert.deepEqual((await load(store)).quarantines, [quarantine(1), quarantine(2, { stack: 'web' })]);
  await store.commit([{ kind: 'lift_quarantine', id: 1, atMs: 5, reason: 'fixed' }]);
  assert.deepEqual((await load(store)).quarantines, [quarantine(2, { stack: 'web' })]);
});

contract('a budget is loaded as it was last set, until it is removed', async (store) => {
  const rack = { label: 'rack', value: 'a=b', maxInFlight: 2 };
  const role = { label: 'role', value: '', maxInFlight: 20_000 };
  await store.commit([
    { kind: 'save_budget', budget: role },
    { kind: 'save_budget', budget: { ...rack, maxInFlight: 1 } },
    { kind: 'save_budget', budget: rack },
  ]);
  assert.deepEqual((await load(store)).budgets, [rack, role]);
  await store.commit([
    { kind: 'delete_budget', label: 'rack', value: 'a=b' },
    { kind: 'delete_budget', label: 'role', value: 'none' },
  ]);
  assert.deepEqual((await load(store)).budgets, [role]);
});

contract('what runs of a stack on a host is loaded as it was last told', async (store) => {
  const unwatched = { baseline: null, drift: null };
  const web = { stack: 'shop', host: 'web-1', release: null, rolloutId: 'ro_1', sinceMs: NOON_MS, ...unwatched };
  const baseline = { db: { containers: 1, image: 'db:1' }, web: { containers: 2, image: 'web:1' } };
  const drift = { sinceMs: NOON_MS + 1, findings: ["service 'db' has no container any more"] };
  const other = { ...web, host: 'web-0', release: 'sha256:1', baseline, drift };
  await store.commit([
    { kind: 'save_deployment', deployment: { ...web, release: 'sha256:1' } },
    { kind: 'save_deployment', deployment: other },
    { kind: 'save_deployment', deployment: web },
  ]);
  assert.deepEqual((await load(store)).deployments, [other, web]);
});

contract('a removed release is gone, may be added again, and its number is not given out again', async (store) => {
  const manifest = new TextEncoder().encode('{}');
  await store.commit([
    { kind: 'insert_release', number: 1, release: release('sha256:1', '1'), manifest },
    { kind: 'insert_release', number: 2, release: release('sha256:2', '2'), manifest },
    { kind: 'delete_release', digest: 'sha256:2' },
  ]);
  const loaded = await load(store);
  assert.deepEqual(loaded.releases, [release('sha256:1', '1')]);
  assert.equal(loaded.numbers.release, 2);
  assert.equal(store.releases.manifest('sha256:2'), undefined);
  await store.commit([{ kind: 'insert_release', number: 3, release: release('sha256:2', '2'), manifest }]);
  assert.deepEqual((await load(store)).releases, [release('sha256:1', '1'), release('sha256:2', '2')]);
});

contract('the last epoch of each host of a stack is loaded', async (store) => {
  await store.commit([
    { kind: 'save_epoch', stack: 'shop', host: 'web-1', epoch: 1 },
    { kind: 'save_epoch', stack: 'shop', host: 'web-2', epoch: 1 },
    { kind: 'save_epoch', stack: 'shop', host: 'web-1', epoch: 2 },
  ]);
  const { epochs } = await load(store);
  assert.deepEqual(epochs.map(({ stack, host, epoch }) => `${stack} ${host} ${epoch}`).sort(), [
    'shop web-1 2',
    'shop web-2 1',
  ]);
});

/** A rollout to web-1 alone. */
async function create(store: Store, number: number, id: string): Promise<Rollout> {
  const rollout = Rollout.create(samplePlan({ id, waves: [['web-1']] }), NOON_MS);
  const { plan, progress, hosts } = rollout.toRows();
  await store.commit([
    { kind: 'insert_rollout', number, plan, progress },
    ...hosts.map((host) => ({ kind: 'save_rollout_host', rolloutId: id, host }) as const),
  ]);
  return rollout;
}

async function openIds(store: Store): Promise<string[]> {
  return (await load(store)).rollouts.map(({ plan }) => plan.id);
}

contract('a rollout comes back with its hosts in the order of its plan, and as it was saved', async (store) => {
  const rollout = Rollout.create(samplePlan({ id: 'ro_1', waves: [['web-2'], ['web-3', 'web-1']] }), NOON_MS);
  const { plan, progress, hosts } = rollout.toRows();
  const saved = hosts.map((host) => ({ kind: 'save_rollout_host', rolloutId: 'ro_1', host }) as const);
  await store.commit([{ kind: 'insert_rollout', number: 1, plan, progress }, ...saved.toReversed()]);
  assert.deepEqual(store.rollouts.find('ro_1'), { plan, progress, hosts });
  assert.deepEqual((await load(store)).rollouts, [{ plan, progress, hosts }]);
  assert.equal(store.rollouts.find('ro_2'), undefined);

  rollout.apply({ kind: 'host_dispatched', host: 'web-2', epoch: 1 }, NOON_MS + 1);
  const host = rollout.host('web-2');
  assert(host !== undefined);
  await store.commit([
    { kind: 'save_progress', rolloutId: 'ro_1', progress: rollout.progress },
    { kind: 'save_rollout_host', rolloutId: 'ro_1', host },
  ]);
  assert.deepEqual(store.rollouts.find('ro_1'), rollout.toRows());
  const results = await store.lookUp([
    { kind: 'rollout_host', rolloutId: 'ro_1', host: 'web-2' },
    { kind: 'rollout_host', rolloutId: 'ro_1', host: 'web-9' },
    { kind: 'rollout_host', rolloutId: 'ro_2', host: 'web-2' },
    { kind: 'rollout', rolloutId: 'ro_1' },
    { kind: 'rollout', rolloutId: 'ro_2' },
  ]);
  assert.deepEqual(results, [host, null, null, rollout.toRows(), null]);
});

contract('rollouts are loaded while something is still to come from them', async (store) => {
  for (const [index, id] of ['ro_1', 'ro_2', 'ro_3', 'ro_4'].entries()) await create(store, index + 1, id);
  const over = (rolloutId: string, state: RolloutHost['state']): Write[] => {
    const stored = store.rollouts.find(rolloutId);
    const [host] = stored?.hosts ?? [];
    assert(stored !== undefined && host !== undefined);
    return [
      { kind: 'save_progress', rolloutId, progress: { ...stored.progress, status: 'halted' } },
      { kind: 'save_rollout_host', rolloutId, host: { ...host, state } },
    ];
  };
  // The policy asks for a rollback, which the failed host still owes.
  await store.commit([...over('ro_1', 'failed'), ...over('ro_2', 'reverted'), ...over('ro_3', 'soaking')]);
  assert.deepEqual(await openIds(store), ['ro_1', 'ro_3', 'ro_4']);
  assert.equal(store.rollouts.find('ro_2')?.progress.status, 'halted');
});

contract('rollouts are listed from the newest to the oldest', async (store) => {
  for (const [index, id] of ['ro_b', 'ro_c', 'ro_a'].entries()) await create(store, index + 1, id);
  const page = (after: string | null, limit: number) =>
    store.rollouts.page({ after, limit }).map(({ plan }) => plan.id);
  assert.deepEqual(page(null, 2), ['ro_a', 'ro_c']);
  assert.deepEqual(page('ro_c', 2), ['ro_b']);
  assert.deepEqual(page('ro_b', 2), []);
});

contract('what differs from what is stored is named', async (store) => {
  const rollout = await create(store, 1, 'ro_1');
  const stored = rollout.toRows();
  assert.deepEqual(store.rollouts.differences(stored), []);
  const [host] = stored.hosts;
  assert(host !== undefined && stored.plan.release === TARGET);
  const differences = store.rollouts.differences({
    ...stored,
    progress: { ...stored.progress, reason: 'another' },
    hosts: [{ ...host, lastSeq: 1 }],
  });
  assert.deepEqual(differences, ['rollout', 'web-1']);
  assert.deepEqual(store.rollouts.differences({ ...stored, hosts: [] }), ['web-1']);
});
