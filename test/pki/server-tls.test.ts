import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import { issueAuthority, issueServer, openAuthority, serverNames } from '../../src/pki/authority.ts';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';
import { ServerCertificate, type ServerCredentials } from '../../src/pki/server-tls.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';

const root = mkdtempSync(path.join(tmpdir(), 'nexus-server-tls-'));
after(() => rmSync(root, { recursive: true }));
const DAY_SECONDS = 86_400;

test('the own CA vouches for this machine, and its certificate is renewed after 60 days', async () => {
  const clock = new SettableRuntime('2030-01-31T12:00:00Z');
  const log = new RecordingLog();
  const dataDir = path.join(root, 'own');
  const source = { kind: 'own', names: ['nexus.example.org', '10.9.8.7'] } as const;
  const certificate = await ServerCertificate.open(source, dataDir, clock, log);
  const first = certificate.current;
  assert.equal(first.minVersion, 'TLSv1.3');
  assert.equal(certificate.authorityFile, path.join(dataDir, 'pki', 'ca.pem'));
  const shown = new X509Certificate(first.chainPem);
  assert.equal(shown.checkHost('nexus.example.org'), 'nexus.example.org');
  assert.equal(shown.checkHost('localhost'), 'localhost');
  assert.equal(shown.checkHost(hostname().toLowerCase()), hostname().toLowerCase());
  assert.equal(shown.checkIP('127.0.0.1'), '127.0.0.1');
  assert.equal(shown.checkIP('10.9.8.7'), '10.9.8.7');
  clock.advance(59 * DAY_SECONDS);
  const presented: ServerCredentials[] = [];
  certificate.follow((credentials) => presented.push(credentials));
  await certificate.reread();
  assert.equal(certificate.current, first);
  clock.advance(1 * DAY_SECONDS);
  await certificate.reread();
  const renewed = certificate.current;
  assert.deepEqual(presented, [renewed]);
  assert.equal(renewed.keyPem, first.keyPem);
  assert.equal(new X509Certificate(renewed.chainPem).validTo, 'Jun 30 12:00:00 2030 GMT');
  assert.deepEqual(
    log.said('the server now presents a new TLS certificate').map(({ fields }) => fields['valid_to']),
    [new X509Certificate(certificate.current.chainPem).validTo],
  );
});

/** A certificate of a CA of somebody else, for a key of its own. */
function issued(clock: SettableRuntime): { keyPem: string; chainPem: string } {
  const authorityKeyPem = privateKeyPem(makeP256Key(clock));
  const authority = openAuthority(authorityKeyPem, issueAuthority(authorityKeyPem, clock));
  const keyPem = privateKeyPem(makeP256Key(clock));
  const publicKey = new X509Certificate(issueAuthority(keyPem, clock)).publicKey;
  return { keyPem, chainPem: issueServer(authority, { publicKey, names: serverNames(['nexus.test']) }, clock) };
}

test('files of another CA are reread when they change; while they do not belong together, the old ones stay', async () => {
  const clock = new SettableRuntime('2030-01-31T12:00:00Z');
  const log = new RecordingLog();
  const certificateFile = path.join(root, 'chain.pem');
  const keyFile = path.join(root, 'key.pem');
  const [one, two] = [issued(clock), issued(clock)];
  writeFileSync(certificateFile, one.chainPem);
  writeFileSync(keyFile, one.keyPem);
  const certificate = await ServerCertificate.open({ kind: 'files', certificateFile, keyFile }, root, clock, log);
  assert.deepEqual(certificate.current, { ...one, minVersion: 'TLSv1.2' });
  assert.equal(certificate.authorityFile, null);
  assert.equal(existsSync(path.join(root, 'pki')), false);
  const presented: ServerCredentials[] = [];
  certificate.follow((credentials) => presented.push(credentials));
  await certificate.reread();
  writeFileSync(certificateFile, two.chainPem);
  await certificate.reread();
  assert.deepEqual(certificate.current, { ...one, minVersion: 'TLSv1.2' });
  writeFileSync(keyFile, two.keyPem);
  await certificate.reread();
  assert.deepEqual(certificate.current, { ...two, minVersion: 'TLSv1.2' });
  writeFileSync(keyFile, 'nonsense');
  await certificate.reread();
  // Said once, though it is tried every minute.
  await certificate.reread();
  assert.deepEqual(certificate.current, { ...two, minVersion: 'TLSv1.2' });
  assert.deepEqual(presented, [certificate.current]);
  assert.equal(log.said('the TLS certificate could not be reread: the server keeps presenting the old one').length, 2);
});

test('a certificate that is not renewed is warned of once a day, from 14 days before its end', async () => {
  const clock = new SettableRuntime('2030-01-31T12:00:00Z');
  const log = new RecordingLog();
  const certificateFile = path.join(root, 'chain.pem');
  const keyFile = path.join(root, 'key.pem');
  const old = issued(clock);
  writeFileSync(certificateFile, old.chainPem);
  writeFileSync(keyFile, old.keyPem);
  const certificate = await ServerCertificate.open({ kind: 'files', certificateFile, keyFile }, root, clock, log);
  const warnings = () => log.said('the TLS certificate expires soon, and then no client trusts this server').length;
  for (const [days, expected] of [
    [75, 0],
    [1, 1],
    [0.5, 1],
    [0.5, 2],
    [20, 3],
  ] as const) {
    clock.advance(days * DAY_SECONDS);
    await certificate.reread();
    assert.equal(warnings(), expected);
  }
  const renewed = issued(clock);
  writeFileSync(certificateFile, renewed.chainPem);
  writeFileSync(keyFile, renewed.keyPem);
  clock.advance(1 * DAY_SECONDS);
  await certificate.reread();
  assert.equal(warnings(), 3);
});

for (const [what, chainPem, keyPem, said] of [
  ['a key of another certificate', 'one', 'two', /does not belong to the first certificate in/],
  ['no certificate', 'nonsense', 'one', /^--tls-cert is .*chain\.pem, which cannot be used/],
  ['no key', 'one', 'nonsense', /^--tls-key is .*key\.pem, which cannot be used/],
] as const) {
  test(`a server does not start with ${what}`, async () => {
    const clock = new SettableRuntime('2030-01-31T12:00:00Z');
    const pairs = { one: issued(clock), two: issued(clock), nonsense: { chainPem: 'nonsense', keyPem: 'nonsense' } };
    const certificateFile = path.join(root, 'chain.pem');
    const keyFile = path.join(root, 'key.pem');
    writeFileSync(certificateFile, pairs[chainPem].chainPem);
    writeFileSync(keyFile, pairs[keyPem].keyPem);
    await assert.rejects(
      ServerCertificate.open({ kind: 'files', certificateFile, keyFile }, root, clock, new RecordingLog()),
      (error) => error instanceof NexusError && error.code === 'usage' && said.test(error.message),
    );
  });
}
