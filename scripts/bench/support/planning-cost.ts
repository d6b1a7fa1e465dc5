/** What planning costs in fleets of different sizes, on the real store, beside a planner that asks about every host. */
import path from 'node:path';
import { DEFAULT_TELEMETRY_LIMITS, type ReleasePolicy } from '../../../src/domain/release.ts';
import type { RolloutPlan } from '../../../src/domain/rollout.ts';
import { decideNext } from '../../../src/rollout/decide-next.ts';
import { addHost } from '../../../src/server/commands/hosts.ts';
import { loadState, type State } from '../../../src/server/state/state.ts';
import { openStore } from '../../../src/sqlite/open-store.ts';
import { figure, ratio, Samples, say } from './samples.ts';

const SIZES = [100, 1_000, 10_000];
const TIMES = 40;
const CREATED_AT_MS = Date.UTC(2026, 0, 1);

const POLICY: ReleasePolicy = {
  activationTimeoutSeconds: 600,
  soakSeconds: 1,
  sustainedFailureSeconds: 15,
  onHealthFailure: 'halt',
  telemetry: DEFAULT_TELEMETRY_LIMITS,
};

/** A fleet of which nobody is online yet, and a rollout to all of it. */
function openFleet(directory: string, size: number): State {
  const world = loadState(openStore(directory, CREATED_AT_MS));
  const names = Array.from({ length: size }, (_, index) => `host-${index}`);
  const asked: RolloutPlan = {
    id: 'ro_bench',
    stack: 'web',
    release: `sha256:${'0'.repeat(64)}`,
    waves: [names],
    maxInFlight: size,
    failureThreshold: 0,
    policy: POLICY,
    createdAtMs: CREATED_AT_MS,
  };
  world.store.transact(() => {
    const one = { kind: 'add_host', labels: {}, offlineAfterSeconds: 120, token: null, nowMs: CREATED_AT_MS } as const;
    for (const name of names) addHost(world.store, world.fleet, { ...one, name });
    world.driver.create(asked, CREATED_AT_MS);
    do world.driver.settle(CREATED_AT_MS);
    while (world.driver.hasMore);
  });
  return world;
}

/** One host comes online: it is dispatched, and nobody else is asked. */
function settleOne(world: State, name: string): number {
  const host = world.fleet.hostByName(name);
  if (host === undefined) throw new Error(`${name} is of this fleet`);
  return world.store.transact(() => {
    host.stored = { ...host.stored, status: 'online' };
    world.fleet.news.add(name);
    const beganMs = performance.now();
    world.driver.settle(CREATED_AT_MS + 1);
    return performance.now() - beganMs;
  });
}

function settleNone(world: State): number {
  const beganMs = performance.now();
  world.driver.settle(CREATED_AT_MS + 2);
  return performance.now() - beganMs;
}

/** The same decision without the waiting line. */
function askEverybody(world: State): number {
  const rollout = world.index.rollout('ro_bench');
  if (rollout === undefined) throw new Error('the rollout is open');
  const beganMs = performance.now();
  decideNext(rollout, world.driver.view, rollout.hosts.keys(), CREATED_AT_MS + 1);
  return performance.now() - beganMs;
}

function measure(directory: string, size: number): { changed: Samples; quiet: Samples; everybody: Samples } {
  const world = openFleet(directory, size);
  const [changed, quiet, everybody] = [new Samples(), new Samples(), new Samples()];
  // One after the other: whoever looks at the whole fleet leaves nothing of the others in the processor's caches.
  for (let time = 0; time < TIMES; time += 1)
    changed.add(settleOne(world, `host-${Math.floor((time * size) / TIMES)}`));
  for (let time = 0; time < TIMES; time += 1) quiet.add(settleNone(world));
  for (let time = 0; time < TIMES; time += 1) everybody.add(askEverybody(world));
  world.store.close();
  return { changed, quiet, everybody };
}

export function measurePlanning(directory: string): void {
  // Once unseen, so that the smallest fleet does not pay for compiling what the others use.
  measure(path.join(directory, 'warm-up'), 1000);
  const rows = SIZES.map((size) => ({ size, ...measure(path.join(directory, String(size)), size) }));
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
