import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { backUp } from '../../src/sqlite/back-up.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { insertHosts } from '../contract/sample-writes.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'nexus-backup-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('a backup of a live database opens as a database with everything that was committed', async () => {
  const data = path.join(directory, 'live');
  const store = openStore(data, 0);
  store.commit(insertHosts(1));
  const restored = path.join(directory, 'restored');
  openStore(restored, 0).close();
  rmSync(path.join(restored, 'nexus.db'));

  await backUp(data, path.join(restored, 'nexus.db'));
  store.commit(insertHosts(2));

  const copy = openStore(restored, 0);
  assert.deepEqual(
    copy.hosts().map((host) => host.name),
    ['web-1'],
  );
  copy.close();
  store.close();
});

test('a backup never overwrites a file, and leaves nothing behind when it fails', async () => {
  const data = path.join(directory, 'kept');
  openStore(data, 0).close();
  const target = path.join(directory, 'taken.db');
  writeFileSync(target, 'precious');
  await assert.rejects(backUp(data, target), { code: 'conflict' });
  await assert.rejects(backUp(data, path.join(directory, 'no-such-folder', 'copy.db')), { code: 'store_unavailable' });
  await assert.rejects(backUp(path.join(directory, 'nowhere'), path.join(directory, 'x.db')), { code: 'not_found' });
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('partial')),
    [],
  );
});
