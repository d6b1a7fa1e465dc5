/**
 * Searches the first seed that fails on each planted bug, and writes it into its patch.
 *
 *     node test/simulate/system/find-seeds.ts [NAME…]     those whose names begin so; all of them, when none is given
 *
 * The exit code is 1 when there is one that no seed up to 2000 catches.
 */
import { availableParallelism } from 'node:os';
import { Copies, LAST_SEED, noteSeed, type PlantedBug, plantedBugs } from './planted-bugs.ts';
import { startSeeds } from './start-seeds.ts';

async function findSeed(copies: Copies, bug: PlantedBug): Promise<void> {
  const { failure } = await copies.with(bug, (folder) => startSeeds(folder, 1, LAST_SEED));
  if (failure === null) {
    process.exitCode = 1;
    return console.log(`${bug.name}: not caught by ${LAST_SEED} seeds`);
  }
  noteSeed(bug, failure.seed);
  console.log(`${bug.name}: seed ${failure.seed}: ${failure.message.split('\n', 1)[0]?.slice(0, 200)}`);
}

const wanted = process.argv.slice(2);
const waiting = plantedBugs().filter(
  ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
);
const places = Math.min(waiting.length, availableParallelism());
const copies = new Copies(places);
try {
  await Promise.all(
    Array.from({ length: places }, async () => {
      for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) await findSeed(copies, bug);
    }),
  );
} finally {
  copies.remove();
}
