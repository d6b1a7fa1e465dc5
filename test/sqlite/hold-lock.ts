/** Takes a data directory as `nexus serve` does, says so, and holds it until it is killed. */
import { messageOf } from '../../src/domain/errors.ts';
import { lockDirectory } from '../../src/sqlite/open-store.ts';

const [directory = ''] = process.argv.slice(2);
try {
  const lock = lockDirectory(directory);
  process.stdout.write('locked\n');
  // Never called: it keeps the lock from being collected as garbage.
  setTimeout(() => lock.release(), 2 ** 31 - 1);
} catch (error) {
  process.stdout.write(`${messageOf(error)}\n`);
}
