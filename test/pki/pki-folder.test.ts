import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import { keepServerIdentity, type ServerIdentity } from '../../src/pki/pki-folder.ts';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';

const NOW_MS = Date.UTC(2030, 0, 31, 12);
const DAY_MS = 86_400_000;
const NAMES = ['localhost', '127.0.0.1'];

let root = '';
let folder = '';
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'nexus-pki-folder-'));
});
after(() => rm(root, { recursive: true }));
let count = 0;
beforeEach(() => {
  count += 1;
  folder = path.join(root, String(count), 'pki');
});

const at = (nowMs: number) => ({ nowMs: () => nowMs, randomBytes: systemRuntime.randomBytes });
const keep = (nowMs = NOW_MS, names: readonly string[] = NAMES): Promise<ServerIdentity> =>
  keepServerIdentity(folder, names, at(nowMs));
const inFolder = (name: string): string => path.join(folder, name);
const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

async function refusal(): Promise<string> {
  try {
    await keep();
  } catch (error) {
    assert(error instanceof NexusError && error.code === 'store_refused', String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
}

test('the first start makes a CA and a certificate that only this user can touch', async () => {
  const made = await keep();
  assert.deepEqual((await readdir(folder)).sort(), ['ca.key', 'ca.pem', 'server.key', 'server.pem']);
  assert.equal(await modeOf(folder), 0o700);
  assert.equal(await modeOf(inFolder('ca.key')), 0o600);
  assert.equal(await modeOf(inFolder('server.key')), 0o600);
  assert.equal(
    made.chainPem,
    `${await readFile(inFolder('server.pem'), 'utf8')}${await readFile(inFolder('ca.pem'), 'utf8')}`,
  );
  assert.equal(made.certificate.verify(made.authority.certificate.publicKey), true);
});

test('the second start finds everything as it was', async () => {
  const first = await keep();
  await chmod(folder, 0o755);
  const second = await keep(NOW_MS + 59 * DAY_MS);
  assert.equal(second.chainPem, first.chainPem);
  assert.equal(second.keyPem, first.keyPem);
  assert.equal(second.authority.pin, first.authority.pin);
  assert.equal(await modeOf(folder), 0o700);
});

test('after 60 days the certificate is renewed, with the same key and CA', async () => {
  const first = await keep();
  const second = await keep(NOW_MS + 60 * DAY_MS);
  assert.equal(second.keyPem, first.keyPem);
  assert.equal(second.authority.pem, first.authority.pem);
  assert.equal(second.certificate.validToDate.getTime(), NOW_MS + 150 * DAY_MS);
  assert.equal(new X509Certificate(await readFile(inFolder('server.pem'))).validTo, second.certificate.validTo);
});

test('another name makes another certificate, another order of names does not', async () => {
  const first = await keep();
  assert.equal((await keep(NOW_MS, [...NAMES].reverse())).chainPem, first.chainPem);
  const second = await keep(NOW_MS, [...NAMES, 'nexus.example.org']);
  assert.equal(second.certificate.checkHost('nexus.example.org'), 'nexus.example.org');
});

for (const name of ['server.pem', 'server.key']) {
  test(`without ${name} a new one is made under the same CA`, async () => {
    const first = await keep();
    await unlink(inFolder(name));
    const second = await keep();
    assert.equal(second.authority.pem, first.authority.pem);
    assert.notEqual(second.chainPem, first.chainPem);
    assert.equal(second.keyPem === first.keyPem, name === 'server.pem');
  });
}

test('a damaged certificate of the server is made anew', async () => {
  await keep();
  await writeFile(inFolder('server.pem'), 'nonsense');
  assert.equal((await keep()).certificate.checkIP('127.0.0.1'), '127.0.0.1');
});

test('a start that was cut off between a key and its certificate is taken up', async () => {
  const first = await keep();
  await unlink(inFolder('ca.pem'));
  const second = await keep();
  assert.equal(second.authority.pin, first.authority.pin);
  assert.equal(second.certificate.verify(second.authority.certificate.publicKey), true);
});

test('a CA whose key is missing is never replaced', async () => {
  await keep();
  await unlink(inFolder('ca.key'));
  assert.match(
    await refusal(),
    /ca\.key is missing, while its certificate is there\. Restore the folder from a backup/,
  );
  assert.equal((await readdir(folder)).includes('ca.key'), false);
});

for (const [name, content, message] of [
  ['ca.key', 'nonsense', /ca\.key is damaged: /],
  ['ca.key', privateKeyPem(makeP256Key(systemRuntime)), /ca\.pem does not belong to ca\.key/],
  ['ca.pem', 'nonsense', /ca\.pem is damaged: /],
  ['server.key', 'nonsense', /server\.key is damaged: /],
] as const) {
  test(`${name} that is ${content === 'nonsense' ? 'damaged' : 'of another CA'} is refused`, async () => {
    await keep();
    await writeFile(inFolder(name), content);
    assert.match(await refusal(), message);
  });
}
