/** Another program that uses the database: `hold-lock.ts FILE` locks it, says `locked`, and lets go when stdin ends. */
import Database from 'better-sqlite3';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: hold-lock.ts FILE');
const database = new Database(file, { fileMustExist: true, timeout: 10_000 });
database.exec('BEGIN EXCLUSIVE');
process.stdout.write('locked\n');
process.stdin.resume();
process.stdin.on('end', () => {
  database.exec('ROLLBACK');
  database.close();
});
