import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { NexusError } from '../../src/domain/errors.ts';
import type { Store } from '../../src/domain/store.ts';
import { Connection } from '../../src/sqlite/connection.ts';
import { lockDirectory, openStore } from '../../src/sqlite/open-store.ts';
import { insertHosts } from '../contract/sample-writes.ts';

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-sqlite-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function addHost(store: Store, id: number): void {
  const committed = store.commit(insertHosts(id));
  assert.equal(committed, undefined, 'SQLite commits before it returns');
}

// ── Durability ──

/** Opens a store and hands out the SQLite connection behind it. */
function openWithConnection(directory: string): { store: Store; connection: Database.Database } {
  const connections = new Set<Database.Database>();
  const { pragma } = Database.prototype;
  Database.prototype.pragma = function (this: Database.Database, ...values: Parameters<typeof pragma>): unknown {
    connections.add(this);
    return pragma.apply(this, values);
  };
  try {
    const store = openStore(directory, 0);
    const [connection] = [...connections].filter((candidate) => candidate.name.endsWith('nexus.db'));
    assert(connection !== undefined);
    return { store, connection };
  } finally {
    Database.prototype.pragma = pragma;
  }
}

test('the log is written ahead and checkpoints are synced, before the first write and after many', (t) => {
  const { store, connection } = openWithConnection(makeDirectory(t));
  t.after(() => store.close());
  const settings = () => [
    connection.pragma('journal_mode', { simple: true }),
    connection.pragma('synchronous', { simple: true }),
    connection.pragma('foreign_keys', { simple: true }),
  ];
  const wanted = ['wal', 1, 1];
  assert.deepEqual(settings(), wanted);
  for (let index = 0; index < 100; index += 1) addHost(store, index + 1);
  assert.throws(() => addHost(store, 1), 'undone');
  assert.deepEqual(settings(), wanted);
  connection.pragma('wal_checkpoint(TRUNCATE)');
  addHost(store, 101);
  assert.deepEqual(settings(), wanted);
});

test('once its log could not be synced a connection commits nothing more', (t) => {
  const connection = new Connection(path.join(makeDirectory(t), 'nexus.db'), 0);
  t.after(() => connection.close());
  // Not in WAL mode, so that there is no log to sync.
  connection.exec('CREATE TABLE one (id INTEGER PRIMARY KEY) STRICT');
  const isUnsynced = (error: unknown) =>
    error instanceof NexusError &&
    error.code === 'store_unavailable' &&
    /cannot sync .*nexus\.db-wal/.test(error.message);
  assert.throws(() => connection.transact(() => connection.exec('INSERT INTO one VALUES (1)')), isUnsynced);
  assert.throws(() => connection.transact(() => connection.exec('INSERT INTO one VALUES (2)')), isUnsynced);
  assert.deepEqual(connection.prepare<{ id: number }>('SELECT id FROM one').all(), [{ id: 1 }]);
});

test('what was committed is there when the store is opened again', (t) => {
  const directory = makeDirectory(t);
  const first = openStore(directory, 0);
  addHost(first, 1);
  first.close();
  const second = openStore(directory, 0);
  t.after(() => second.close());
  assert.deepEqual(
    second.hosts().map((host) => host.name),
    ['web-1'],
  );
});

test('a broken constraint is a defect, not a failure of the store', (t) => {
  const store = openStore(makeDirectory(t), 0);
  t.after(() => store.close());
  addHost(store, 1);
  assert.throws(
    () => addHost(store, 1),
    (error) => !(error instanceof NexusError) && /UNIQUE constraint failed/.test(String(error)),
  );
});

// ── One owner ──

/** Another process that tries to take the directory; what it says, and itself. */
async function lockElsewhere(t: TestContext, directory: string): Promise<{ said: string; child: ChildProcess }> {
  const script = path.join(import.meta.dirname, 'hold-lock.ts');
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  assert(child.stdout !== null);
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { said, child };
}

test('a directory that this process holds is refused to another one', async (t) => {
  const directory = makeDirectory(t);
  const lock = lockDirectory(directory);
  const refusal = `another nexus serve already uses ${directory}: stop it first, or pass another directory with --data`;
  assert.equal((await lockElsewhere(t, directory)).said, refusal);
  lock.release();
  assert.equal((await lockElsewhere(t, directory)).said, 'locked');
});

test('a directory that another process holds is refused until that process is gone, however it goes', async (t) => {
  const directory = makeDirectory(t);
  const { said, child } = await lockElsewhere(t, directory);
  assert.equal(said, 'locked');
  assert.throws(() => lockDirectory(directory), { code: 'store_refused' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  lockDirectory(directory).release();
});

test('a directory is refused to a second owner in the same process', (t) => {
  const directory = makeDirectory(t);
  const lock = lockDirectory(directory);
  assert.throws(() => lockDirectory(directory), { code: 'store_refused' });
  lock.release();
  lockDirectory(directory).release();
});

test('a directory that is not there yet is made, for its owner alone', (t) => {
  const directory = path.join(makeDirectory(t), 'var', 'nexus');
  lockDirectory(directory).release();
  openStore(directory, 0).close();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

// ── A database that is lost or damaged ──

test('a database that was there and is gone is not replaced by an empty one', (t) => {
  const directory = makeDirectory(t);
  openStore(directory, 0).close();
  unlinkSync(path.join(directory, 'nexus.db'));
  for (let times = 0; times < 2; times += 1) {
    assert.throws(
      () => openStore(directory, 0),
      (error) =>
        error instanceof NexusError && error.code === 'store_unavailable' && /missing or empty/.test(error.message),
    );
    assert.equal(existsSync(path.join(directory, 'nexus.db')), false);
  }
});

test('a database that has become empty is refused', (t) => {
  const directory = makeDirectory(t);
  openStore(directory, 0).close();
  truncateSync(path.join(directory, 'nexus.db'));
  assert.throws(() => openStore(directory, 0), { code: 'store_unavailable' });
  assert.equal(statSync(path.join(directory, 'nexus.db')).size, 0);
});

test('who deletes the marker begins anew on purpose', (t) => {
  const directory = makeDirectory(t);
  openStore(directory, 0).close();
  unlinkSync(path.join(directory, 'nexus.db'));
  unlinkSync(path.join(directory, 'nexus.marker'));
  const store = openStore(directory, 0);
  t.after(() => store.close());
  assert.deepEqual(store.hosts(), []);
});

test('a file that is no database is refused and left as it is, with a sentence that says what to do', (t) => {
  const directory = makeDirectory(t);
  const file = path.join(directory, 'nexus.db');
  writeFileSync(file, 'this is not a database, and it is long enough to be read as the header of one'.repeat(100));
  const { size } = statSync(file);
  assert.throws(
    () => openStore(directory, 0),
    (error) =>
      error instanceof NexusError && error.code === 'store_unavailable' && /restore a backup/.test(error.message),
  );
  assert.equal(statSync(file).size, size);
  assert.equal(existsSync(path.join(directory, 'nexus.marker')), false);
});

test('a data directory that cannot be made is refused with a sentence that says what to do', (t) => {
  const file = path.join(makeDirectory(t), 'a-file');
  writeFileSync(file, '');
  assert.throws(
    () => lockDirectory(path.join(file, 'data')),
    (error) => error instanceof NexusError && error.code === 'store_unavailable' && /--data/.test(error.message),
  );
});
