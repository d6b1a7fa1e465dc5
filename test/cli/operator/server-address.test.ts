import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { recallServerAddress, rememberServerAddress } from '../../../src/cli/operator/server-address.ts';

for (const [what, url, authorityFile, expectedUrl] of [
  ['an address of this machine', 'http://127.0.0.1:8470', null, 'http://127.0.0.1:8470'],
  ['an address with a CA', 'https://10.0.0.5:8470', '/data/pki/ca.pem', 'https://10.0.0.5:8470'],
  ['every address', 'https://0.0.0.0:8470', '/data/pki/ca.pem', `https://${hostname()}:8470`],
  ['every IPv6 address', 'http://[::]:8470', null, `http://${hostname()}:8470`],
  ['a public address', 'https://nexus.test/', null, 'https://nexus.test'],
  ['a public address below a path', 'https://example.test/nexus/', null, 'https://example.test/nexus'],
] as const) {
  test(`an address is recalled as others use it: ${what}`, (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'nexus-address-'));
    t.after(() => rmSync(directory, { recursive: true }));
    rememberServerAddress(directory, { url, authorityFile });
    assert.deepEqual(recallServerAddress(directory), { url: expectedUrl, authorityFile });
  });
}

test('the record of an older Nexus names no CA, and a damaged one names nothing', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'nexus-address-'));
  t.after(() => rmSync(directory, { recursive: true }));
  assert.equal(recallServerAddress(directory), undefined);
  writeFileSync(join(directory, 'nexus.url'), 'http://10.0.0.5:8470\n');
  assert.deepEqual(recallServerAddress(directory), { url: 'http://10.0.0.5:8470', authorityFile: null });
  writeFileSync(join(directory, 'nexus.url'), 'nonsense\n');
  assert.equal(recallServerAddress(directory), undefined);
});
