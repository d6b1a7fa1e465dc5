/** What planning costs in fleets of different sizes, on the real store, beside a planner that asks about every host. */
import path from 'node:path';
import { DEFAULT_POLICY, type ReleasePolicy } from '../../../src/domain/release.ts';
import type { RolloutPlan } from '../../../src/domain/rollout.ts';
import { decideNext } from '../../../src/rollout/decide-next.ts';
import { addHost, changeHost } from '../../../src/server/commands/hosts.ts';
import { type Attached, loadState } from '../../../src/server/state/state.ts';
import { openStore } from '../../../src/sqlite/open-store.ts';
import { figure, ratio, Samples, say } from './samples.ts';

const SIZES = [100, 1_000, 10_000];
const TIMES = 40;
const CREATED_AT_MS = Date.UTC(2026, 0, 1);

const POLICY: ReleasePolicy = {
  ...DEFAULT_POLICY,
  activationTimeoutSeconds: 600,
  soakSeconds: 1,
  sustainedFailureSeconds: 15,
  onHealthFailure: 'halt',
};

/** A fleet of which nobody is online yet, and a rollout to all of it. */
async function openFleet(directory: string, size: number): Promise<Attached> {
  const store = openStore(directory, CREATED_AT_MS);
  const state = loadState(await store.load(), CREATED_AT_MS);
  const names = Array.from({ length: size }, (_, index) => `host-${index}`);
  const asked: RolloutPlan = {
    id: 'ro_bench',
    stack: 'web',
    release: `sha256:${'0'.repeat(64)}`,
    waveSoakSeconds: [],
    waves: [names],
    maxInFlight: size,
    failureThreshold: 0,
    policy: POLICY,
    createdAtMs: CREATED_AT_MS,
  };
  const one = { kind: 'add_host', labels: {}, offlineAfterSeconds: 120, token: null, nowMs: CREATED_AT_MS } as const;
  for (const name of names) addHost(state, { ...one, name });
  state.driver.create(asked, CREATED_AT_MS);
  do state.driver.advance(CREATED_AT_MS);
  while (state.driver.hasMore);
  await store.commit(state.changes.take().writes);
  return { store, state };
}

/** One host comes online: it is dispatched, and no gate is asked about another. */
async function changeOne({ state, store }: Attached, name: string): Promise<number> {
  const host = state.fleet.hostByName(name);
  if (host === undefined) throw new Error(`${name} is of this fleet`);
  changeHost(state, host, { status: 'online' });
  const beganMs = performance.now();
  state.driver.advance(CREATED_AT_MS + 1);
  const tookMs = performance.now() - beganMs;
  await store.commit(state.changes.take().writes);
  return tookMs;
}

function changeNone({ state }: Attached): number {
  const beganMs = performance.now();
  state.driver.advance(CREATED_AT_MS + 2);
  return performance.now() - beganMs;
}

/** The same decision without an index of pending hosts. */
function askEverybody({ state }: Attached): number {
  const rollout = state.index.rollout('ro_bench');
  if (rollout === undefined) throw new Error('the rollout is open');
  const beganMs = performance.now();
  decideNext(rollout, state.driver.view, rollout.hosts.keys(), CREATED_AT_MS + 1);
  return performance.now() - beganMs;
}

async function measure(
  directory: string,
  size: number,
): Promise<{ changed: Samples; quiet: Samples; everybody: Samples }> {
  const fleet = await openFleet(directory, size);
  const [changed, quiet, everybody] = [new Samples(), new Samples(), new Samples()];
  // One after the other: what looks at the whole fleet leaves nothing of the others in the processor's caches.
  for (let time = 0; time < TIMES; time += 1)
    changed.add(await changeOne(fleet, `host-${Math.floor((time * size) / TIMES)}`));
  for (let time = 0; time < TIMES; time += 1) quiet.add(changeNone(fleet));
  for (let time = 0; time < TIMES; time += 1) everybody.add(askEverybody(fleet));
  fleet.store.close();
  return { changed, quiet, everybody };
}

export async function measurePlanning(directory: string): Promise<void> {
  // Once unseen, so that the smallest fleet does not pay for compiling what the others use.
  await measure(path.join(directory, 'warm-up'), 1000);
  const rows = [];
  for (const size of SIZES) rows.push({ size, ...(await measure(path.join(directory, String(size)), size)) });
  const [smallest] = rows;
  if (smallest === undefined) return;
  say('a planning tick', `median of ${TIMES}, and how many times that of ${figure(smallest.size)} hosts`);
  for (const { size, changed, quiet, everybody } of rows) {
    const cell = (samples: Samples, base: Samples) =>
      `${figure(samples.median * 1000, 1)} µs (${ratio(samples.median, base.median)}×)`;
    const cells = [
      `one host changed ${cell(changed, smallest.changed)}`,
      `nothing changed ${cell(quiet, smallest.quiet)}`,
      `asking everybody ${cell(everybody, smallest.everybody)}`,
    ];
    say(`  ${figure(size)} hosts`, cells.join('; '));
  }
}
