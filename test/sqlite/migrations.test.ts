import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Connection } from '../../src/sqlite/connection.ts';
import { APPLICATION_ID, MIGRATIONS, migrate } from '../../src/sqlite/migrations.ts';
import { openStore } from '../../src/sqlite/open-store.ts';

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-sqlite-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(t: TestContext): Connection {
  const connection = new Connection(path.join(makeDirectory(t), 'nexus.db'), 0);
  t.after(() => connection.close());
  connection.pragma('journal_mode = WAL');
  return connection;
}

function tablesOf(connection: Connection): string[] {
  const rows = connection.prepare<{ name: string }>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
  );
  return rows.all().map((row) => row.name);
}

const FIRST = 'CREATE TABLE one (id INTEGER PRIMARY KEY) STRICT;';
const SECOND = 'CREATE TABLE two (id INTEGER PRIMARY KEY) STRICT; INSERT INTO one VALUES (1);';
const BROKEN = 'CREATE TABLE three (id INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1);';

test('a new file is brought to the newest schema and marked as ours', (t) => {
  const connection = open(t);
  migrate(connection);
  assert.equal(connection.pragma('user_version'), MIGRATIONS.length);
  assert.equal(connection.pragma('application_id'), APPLICATION_ID);
  assert.equal(APPLICATION_ID, Buffer.from('NEXU').readUInt32BE());
  for (const table of ['containers', 'events', 'hosts', 'ticks', 'tokens']) {
    assert(tablesOf(connection).includes(table), table);
  }
});

test('migrating twice does nothing the second time', (t) => {
  const connection = open(t);
  migrate(connection, [FIRST, SECOND]);
  migrate(connection, [FIRST, SECOND]);
  assert.equal(connection.prepare<{ count: number }>('SELECT count(*) AS count FROM one').get()?.count, 1);
});

test('only the migrations that are missing are run', (t) => {
  const connection = open(t);
  migrate(connection, [FIRST]);
  assert.deepEqual([tablesOf(connection), connection.pragma('user_version')], [['one'], 1]);
  migrate(connection, [FIRST, SECOND]);
  assert.deepEqual([tablesOf(connection), connection.pragma('user_version')], [['one', 'two'], 2]);
});

test('a migration that fails is undone whole, and those before it stay', (t) => {
  const connection = open(t);
  assert.throws(() => migrate(connection, [FIRST, SECOND, BROKEN]), /no such table: nowhere/);
  assert.deepEqual([tablesOf(connection), connection.pragma('user_version')], [['one', 'two'], 2]);
  migrate(connection, [FIRST, SECOND, 'CREATE TABLE three (id INTEGER PRIMARY KEY) STRICT;']);
  assert.deepEqual([tablesOf(connection), connection.pragma('user_version')], [['one', 'three', 'two'], 3]);
});

test('the schema of a newer Nexus is refused with a sentence that says what to do', (t) => {
  const connection = open(t);
  migrate(connection, [FIRST, SECOND]);
  assert.throws(() => migrate(connection, [FIRST]), {
    code: 'store_refused',
    message:
      `${connection.file} was written by a newer Nexus (schema 2; this one knows 1): ` +
      'start that newer version again, or restore the backup made before the upgrade',
  });
  assert.deepEqual([tablesOf(connection), connection.pragma('user_version')], [['one', 'two'], 2]);
});

/** Every byte that opening could have changed. */
function bytesOf(directory: string): string {
  return readFileSync(path.join(directory, 'nexus.db')).toString('base64');
}

test('a data directory of a newer Nexus is refused and left as it is', (t) => {
  const directory = makeDirectory(t);
  openStore(directory, 0).close();
  const connection = new Connection(path.join(directory, 'nexus.db'), 0);
  connection.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  connection.close();
  const before = bytesOf(directory);
  assert.throws(() => openStore(directory, 0), { code: 'store_refused' });
  assert.equal(bytesOf(directory), before);
});

test('the database of another program is refused and left as it is', (t) => {
  const directory = makeDirectory(t);
  const connection = new Connection(path.join(directory, 'nexus.db'), 0);
  connection.exec('CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url TEXT)');
  connection.close();
  const before = bytesOf(directory);
  assert.throws(() => openStore(directory, 0), {
    code: 'store_refused',
    message: `${path.join(directory, 'nexus.db')} belongs to another program: choose another data directory`,
  });
  assert.equal(bytesOf(directory), before);
});
