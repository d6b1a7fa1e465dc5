import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFileSystem } from '../../../../agent/disk/node-file-system.ts';
import type { ProjectContainer } from '../../../../agent/docker/project-container.ts';
import {
  attribute,
  type DeploymentRecord,
  readDeployment,
  writeDeployment,
} from '../../../../agent/rollouts/compose/deployment-record.ts';
import { container, V1, V2, V3 } from '../sample.ts';

/** Release 2 changed the web server of release 1, and not its database. */
const SECOND: DeploymentRecord = {
  version: 1,
  release: V2,
  services: { db: { label: V1, hash: null }, web: { label: V2, hash: null } },
};
const labelled = (db: string | null, web: string | null): ProjectContainer[] => [
  container({ service: 'db', release: db, createdAtMs: 1 }),
  container({ service: 'web', release: web, createdAtMs: 2 }),
];

const ROWS: readonly [
  what: string,
  deployment: DeploymentRecord | null,
  containers: readonly ProjectContainer[],
  releases: readonly (string | null)[],
][] = [
  ['what a release does not change belongs to it', SECOND, labelled(V1, V2), [V2, V2]],
  ['what it is yet to replace belongs to the one before', SECOND, labelled(V1, V1), [V2, V1]],
  ['what a later release has made belongs to that one', SECOND, labelled(V3, V2), [V3, V2]],
  ['what Nexus did not make belongs to none', SECOND, labelled(null, V2), [null, V2]],
  ['a service that the release does not have', SECOND, [container({ service: 'cache', release: V1 })], [V1]],
  ['without a record, all belongs to what the newest was made for', null, labelled(V1, V2), [V2, V2]],
  ['without a record, what Nexus did not make still belongs to none', null, labelled(V1, null), [V1, null]],
  ['nothing at all', null, [], []],
];

for (const [what, deployment, containers, releases] of ROWS) {
  test(what, () =>
    assert.deepEqual(
      attribute(containers, deployment).map(({ release }) => release),
      releases,
    ),
  );
}

test('the record survives the process, and is none when it is damaged', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'deployment-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  assert.equal(await readDeployment(nodeFileSystem, folder), null);
  await writeDeployment(nodeFileSystem, folder, SECOND);
  assert.deepEqual(await readDeployment(nodeFileSystem, folder), SECOND);
  for (const damaged of ['{', '{"version":1}', '[]']) {
    writeFileSync(join(folder, 'deployment.json'), damaged);
    assert.equal(await readDeployment(nodeFileSystem, folder), null);
  }
});
