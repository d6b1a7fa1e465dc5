import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectToComposeVersion } from '../../src/domain/compose-version.ts';

for (const [version, objection] of [
  ['2.26.1-4\n', null],
  ['v2.17.0', null],
  ['3.0.0', null],
  ['v5.1.2', null],
  [
    '2.16.9',
    'Docker Compose 2.17 or later is needed, and version 2.16 is installed: update the Compose plugin of Docker',
  ],
  [
    '1.29.2',
    'Docker Compose 2.17 or later is needed, and version 1.29 is installed: update the Compose plugin of Docker',
  ],
  ['', 'Docker Compose 2.17 or later is needed, and the installed one does not report its version'],
] as const) {
  test(`Compose that calls itself '${version.trim()}'`, () => {
    assert.equal(objectToComposeVersion(version), objection);
  });
}
