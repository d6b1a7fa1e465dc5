/**
 * Would the simulator notice a mistake? Each planted bug names a seed that fails on it. A change elsewhere may make that
 * seed tell another story: then a few others are tried, on CI as many as it takes, and `find-seeds.ts` names a seed anew.
 */
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { Copies, LAST_SEED, type PlantedBug, plantedBugs } from './planted-bugs.ts';
import type { SeedsReport } from './run-seeds.ts';
import { startSeeds } from './start-seeds.ts';

const PLACES = 2;
const FEWEST = 25;
/** Seeds that are tried when the named one does not fail. */
const OTHERS = process.env['CI'] === undefined ? 20 : LAST_SEED;

const bugs = plantedBugs();
const copies = new Copies(PLACES);
after(() => copies.remove());

test(`there are at least ${FEWEST} planted bugs`, () => assert.ok(bugs.length >= FEWEST));

async function provoke(folder: string, { seed }: PlantedBug): Promise<SeedsReport['failure']> {
  const named = seed === null ? null : (await startSeeds(folder, seed, 1)).failure;
  return named ?? (await startSeeds(folder, 1, OTHERS)).failure;
}

suite('every planted bug is caught', { concurrency: PLACES }, () => {
  for (const bug of bugs) {
    test(`${bug.name}: ${bug.summary}`, async (context) => {
      const failure = await copies.with(bug, (folder) => provoke(folder, bug));
      if (failure === null && OTHERS < LAST_SEED) return context.skip(`name a seed anew: find-seeds.ts ${bug.name}`);
      assert.ok(failure !== null, `no seed up to ${OTHERS} fails: a fault or a property is missing`);
      context.diagnostic(`seed ${failure.seed}: ${failure.message.split('\n', 1)[0]?.slice(0, 200)}`);
      if (failure.seed !== bug.seed) context.diagnostic(`it names seed ${bug.seed}: run find-seeds.ts ${bug.name}`);
    });
  }
});
