/** The writer beside OpenSSL: what it writes passes its strictest checks, and says what it was asked to say. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isDueForRenewal, issueAuthority, issueServer, openAuthority, serverNames } from '../../src/pki/authority.ts';
import { SERVER_USAGE } from '../../src/pki/certificate.ts';
import {
  derBitString,
  derBoolean,
  derObjectIdentifier,
  derOctetString,
  derTime,
  derUnsigned,
} from '../../src/pki/der.ts';
import { addressBytes } from '../../src/pki/ip-address.ts';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { SeededRandom } from '../domain/seeded-random.ts';

const NOW_MS = Date.UTC(2030, 0, 31, 12);
const DAY_MS = 86_400_000;
const missing = spawnSync('openssl', ['version']).error === undefined ? false : 'openssl is not installed';
/** How many random names are tried: some on every run, ten thousand when asked. */
const NAMES = Number(process.env['NEXUS_TEST_CERTIFICATES'] ?? 200);

const folder = mkdtempSync(path.join(tmpdir(), 'nexus-pki-'));
after(() => rmSync(folder, { recursive: true }));

function sourcesAt(nowMs: number, seed = 1) {
  const random = new SeededRandom(seed);
  return {
    nowMs: () => nowMs,
    randomBytes: (count: number) => Uint8Array.from({ length: count }, () => random.between(0, 255)),
  };
}

const keyPem = privateKeyPem(makeP256Key(systemRuntime));
const sources = sourcesAt(NOW_MS);
const authority = openAuthority(keyPem, issueAuthority(keyPem, sources));
const serverKey = createPublicKey(createPrivateKey(privateKeyPem(makeP256Key(systemRuntime))));
const serverPem = issueServer(
  authority,
  { publicKey: serverKey, names: serverNames(['nexus.example.org', '10.0.0.1', '::1', 'LOCALHOST', 'not a name']) },
  sources,
);

/** What `openssl verify` complains of; empty when it is content with every file. */
function complaints(names: readonly string[], ...options: string[]): string {
  writeFileSync(path.join(folder, 'ca.pem'), authority.pem);
  const at = String(NOW_MS / 1000);
  const args = ['verify', '-CAfile', 'ca.pem', '-x509_strict', '-check_ss_sig', '-attime', at, ...options, ...names];
  const { stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith(': OK'))
    .join('\n');
}

function write(name: string, pem: string): string {
  writeFileSync(path.join(folder, name), pem);
  return name;
}

test('OpenSSL accepts the CA and the server by its strictest rules', { skip: missing }, () => {
  assert.equal(complaints([write('ca-itself.pem', authority.pem)]), '');
  assert.equal(
    complaints([write('server.pem', serverPem)], '-purpose', 'sslserver', '-verify_hostname', 'nexus.example.org'),
    '',
  );
  assert.match(complaints(['server.pem'], '-purpose', 'sslclient'), /unsuitable certificate purpose/);
});

function randomHostName(random: SeededRandom): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const label = (length: number): string => {
    const middle = Array.from({ length: Math.max(0, length - 2) }, () => random.pick([...letters, '-'])).join('');
    return length === 1
      ? random.pick([...letters])
      : `${random.pick([...letters])}${middle}${random.pick([...letters])}`;
  };
  const wanted = random.chance(0.1) ? 253 : random.between(1, 253);
  let name = label(random.between(1, Math.min(63, wanted)));
  while (name.length + 2 <= wanted) name += `.${label(random.between(1, Math.min(63, wanted - name.length - 1)))}`;
  return name;
}

test(`certificates of ${NAMES} random names are what they should be`, { skip: missing }, () => {
  const random = new SeededRandom(20);
  const files: string[] = [];
  for (let index = 0; index < NAMES; index += 1) {
    const name = randomHostName(random);
    const nowMs = NOW_MS - random.between(0, 29 * DAY_MS);
    const pem = issueServer(authority, { publicKey: serverKey, names: serverNames([name]) }, sourcesAt(nowMs, index));
    assert.equal(new X509Certificate(pem).subjectAltName, `DNS:${name}`);
    files.push(write(`${index}.pem`, pem));
  }
  for (let at = 0; at < files.length; at += 1000)
    assert.equal(complaints(files.slice(at, at + 1000), '-purpose', 'sslserver'), '');
});

test('a CA is good for ten years, vouches for nothing below itself, and is named after its key', {
  skip: missing,
}, () => {
  const { certificate } = authority;
  assert.match(certificate.subject, /^CN=nexus CA [0-9a-f]{8}$/);
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.ca, true);
  assert.equal(certificate.verify(certificate.publicKey), true);
  assert.equal(certificate.validToDate.getTime(), NOW_MS + 3650 * DAY_MS);
  assert.equal(certificate.validFromDate.getTime(), NOW_MS - 300_000);
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: authority.pem, encoding: 'utf8' });
  assert.match(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
  assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
  assert.equal(openAuthority(keyPem, issueAuthority(keyPem, sourcesAt(NOW_MS, 2))).pin, authority.pin);
});

test('a server is known by each of its names, and by no other', () => {
  const certificate = new X509Certificate(serverPem);
  assert.equal(
    certificate.subjectAltName,
    'IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost, DNS:nexus.example.org',
  );
  assert.equal(certificate.checkHost('nexus.example.org'), 'nexus.example.org');
  assert.equal(certificate.checkHost('evil.example.org'), undefined);
  assert.equal(certificate.checkIP('::1'), '::1');
  assert.equal(certificate.checkIP('10.0.0.2'), undefined);
  assert.deepEqual(certificate.keyUsage, [SERVER_USAGE]);
  assert.equal(certificate.validToDate.getTime(), NOW_MS + 90 * DAY_MS);
});

test('nothing outlives its CA', () => {
  const late = sourcesAt(NOW_MS + 3640 * DAY_MS);
  const pem = issueServer(authority, { publicKey: serverKey, names: serverNames(['web-1']) }, late);
  assert.equal(new X509Certificate(pem).validTo, authority.certificate.validTo);
});

test('a certificate is due once two thirds of its life are over', () => {
  const certificate = new X509Certificate(serverPem);
  assert.equal(isDueForRenewal(certificate, NOW_MS), false);
  assert.equal(isDueForRenewal(certificate, NOW_MS + 59 * DAY_MS), false);
  assert.equal(isDueForRenewal(certificate, NOW_MS + 60 * DAY_MS), true);
});

test('serial numbers are positive, and differ', () => {
  const serials = Array.from({ length: 300 }, (_, index) => {
    const sources = sourcesAt(NOW_MS, index);
    const pem = issueServer(authority, { publicKey: serverKey, names: serverNames(['web-1']) }, sources);
    return new X509Certificate(pem).serialNumber;
  });
  assert.equal(new Set(serials).size, 300);
  assert.deepEqual(
    serials.filter((serial) => !/^[4-7][0-9A-F]{31}$/.test(serial)),
    [],
  );
});

// ── The writer's parts ──

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
for (const [what, actual, expected] of [
  ['zero', derUnsigned(Buffer.from([0])), '020100'],
  ['127', derUnsigned(Buffer.from([0x7f])), '02017f'],
  ['128', derUnsigned(Buffer.from([0x80])), '02020080'],
  ['zeros before 1', derUnsigned(Buffer.from([0, 0, 1])), '020101'],
  ['true', derBoolean(true), '0101ff'],
  ['false', derBoolean(false), '010100'],
  ['bits', derBitString(Buffer.from([0x80]), 7), '03020780'],
  ['127 bytes', derOctetString(Buffer.alloc(127)).subarray(0, 2), '047f'],
  ['128 bytes', derOctetString(Buffer.alloc(128)).subarray(0, 3), '048180'],
  ['256 bytes', derOctetString(Buffer.alloc(256)).subarray(0, 4), '04820100'],
  ['70000 bytes', derOctetString(Buffer.alloc(70_000)).subarray(0, 5), '0483011170'],
  ['an object', derObjectIdentifier('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
  ['an object with a large number', derObjectIdentifier('2.999.16384'), '0605883781' + '8000'],
  [
    'a time of this half of the century',
    derTime(Date.UTC(2049, 11, 31, 23, 59, 59)),
    `170d${hex(Buffer.from('491231235959Z'))}`,
  ],
  ['a time after that', derTime(Date.UTC(2050, 0, 1)), `180f${hex(Buffer.from('20500101000000Z'))}`],
] as const) {
  test(`DER of ${what}`, () => assert.equal(hex(actual), expected));
}

for (const [text, expected] of [
  ['127.0.0.1', '7f000001'],
  ['::', '0'.repeat(32)],
  ['::1', `${'0'.repeat(31)}1`],
  ['fe80::1:2', 'fe800000000000000000000000010002'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ['1::', `0001${'0'.repeat(28)}`],
  ['::ffff:10.0.0.1', `${'0'.repeat(20)}ffff0a000001`],
  ['fe80::1%eth0', null],
  ['example.org', null],
  ['1.2.3', null],
] as const) {
  test(`the bytes of the address ${text}`, () => {
    const bytes = addressBytes(text);
    assert.equal(bytes === null ? null : hex(bytes), expected);
  });
}
