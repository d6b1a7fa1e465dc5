/**
 * Keeps `DATA/pki/` (0700): `ca.key` and `server.key` (0600), `ca.pem` and `server.pem`. After a crash each file is whole
 * or absent, and a certificate is always written after its key, so a missing certificate can be issued again.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NexusError } from '../domain/errors.ts';
import {
  type Authority,
  type CertificateSources,
  isDueForRenewal,
  issueAuthority,
  issueServer,
  openAuthority,
  serverNames,
} from './authority.ts';
import { makeP256Key, privateKeyPem } from './private-key.ts';

const FOLDER_MODE = 0o700;
const KEY_MODE = 0o600;
const CERTIFICATE_MODE = 0o644;

export interface ServerIdentity {
  readonly authority: Authority;
  readonly keyPem: string;
  /** The server's certificate and its CA's: a client that knows only a pin needs to see the CA. */
  readonly chainPem: string;
  readonly certificate: X509Certificate;
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw refuse(path, `cannot be read: ${messageOf(error)}`, error);
  }
}

function refuse(path: string, problem: string, cause?: unknown): NexusError {
  return new NexusError('store_refused', `${path} ${problem}. Restore the folder from a backup of this server`, {
    cause,
  });
}

/** Throws the system's error. */
async function writeWhole(folder: string, name: string, content: string, mode: number): Promise<void> {
  const path = join(folder, name);
  const file = await open(`${path}.new`, 'w', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  // The name is on disk only once its folder is (fsync(2)).
  const directory = await open(folder, 'r');
  await directory.sync().finally(() => directory.close());
}

/** Reads a private key, and creates it if it is missing and may be. */
async function keepKey(folder: string, name: string, mayMake: boolean, sources: CertificateSources): Promise<string> {
  const path = join(folder, name);
  const known = await readOrNull(path);
  if (known === null) {
    // A new key would mean a new CA, and every host and operator has pinned the old one.
    if (!mayMake) throw refuse(path, 'is missing, while its certificate is there');
    const made = privateKeyPem(makeP256Key(sources));
    await writeWhole(folder, name, made, KEY_MODE);
    return made;
  }
  try {
    createPrivateKey(known);
    return known;
  } catch (error) {
    throw refuse(path, `is damaged: ${messageOf(error)}`, error);
  }
}

async function keepAuthority(folder: string, sources: CertificateSources): Promise<Authority> {
  const path = join(folder, 'ca.pem');
  const stored = await readOrNull(path);
  const keyPem = await keepKey(folder, 'ca.key', stored === null, sources);
  const pem = stored ?? issueAuthority(keyPem, sources);
  if (stored === null) await writeWhole(folder, 'ca.pem', pem, CERTIFICATE_MODE);
  let authority: Authority;
  try {
    authority = openAuthority(keyPem, pem);
  } catch (error) {
    throw refuse(path, `is damaged: ${messageOf(error)}`, error);
  }
  if (!authority.certificate.checkPrivateKey(authority.privateKey)) throw refuse(path, 'does not belong to ca.key');
  return authority;
}

/** Whether the stored server certificate is still good: from this CA, for this key and these names, and not due for renewal. */
function isGood(pem: string, wanted: X509Certificate, authority: Authority, keyPem: string, nowMs: number): boolean {
  try {
    const stored = new X509Certificate(pem);
    return (
      stored.verify(authority.certificate.publicKey) &&
      stored.checkPrivateKey(createPrivateKey(keyPem)) &&
      stored.subjectAltName === wanted.subjectAltName &&
      !isDueForRenewal(stored, nowMs)
    );
  } catch {
    // Damaged: issuing it again loses nothing.
    return false;
  }
}

/**
 * Returns the server's CA and certificate. The first call creates them; later calls renew the certificate when it is due or
 * its names have changed. `names` are the host names and addresses that clients may use. Throws `store_refused`.
 */
export async function keepServerIdentity(
  folder: string,
  names: readonly string[],
  sources: CertificateSources,
): Promise<ServerIdentity> {
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  await chmod(folder, FOLDER_MODE);
  const authority = await keepAuthority(folder, sources);
  const keyPem = await keepKey(folder, 'server.key', true, sources);
  const publicKey = createPublicKey(createPrivateKey(keyPem));
  const fresh = issueServer(authority, { publicKey, names: serverNames(names) }, sources);
  const stored = await readOrNull(join(folder, 'server.pem'));
  const isKept = stored !== null && isGood(stored, new X509Certificate(fresh), authority, keyPem, sources.nowMs());
  const pem = isKept ? stored : fresh;
  if (!isKept) await writeWhole(folder, 'server.pem', pem, CERTIFICATE_MODE);
  return { authority, keyPem, chainPem: `${pem}${authority.pem}`, certificate: new X509Certificate(pem) };
}
