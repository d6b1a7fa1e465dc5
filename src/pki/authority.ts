/**
 * The CA of a server, and the certificates that it issues. Its key serves TLS only.
 *
 * `der.ts` writes the certificates. The alternative, @peculiar/x509 2.2, brings 21 packages, a global polyfill and 365 KB
 * for fixed templates. The writer is 90 lines, checked by `openssl verify -x509_strict` in a test, and the dangerous
 * half, parsing, stays with OpenSSL.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isHostName } from '../domain/host.ts';
import type { Runtime } from '../domain/runtime.ts';
import { fingerprintOf } from '../trust/public-key.ts';
import { type AlternativeName, issueCertificate, SERVER_USAGE } from './certificate.ts';
import { addressBytes } from './ip-address.ts';

const DAY_MS = 86_400_000;
/** Lifetimes of certificates. */
const LIFETIME_MS = { authority: 3650 * DAY_MS, server: 90 * DAY_MS } as const;
/** A new certificate must already be valid on hosts whose clocks lag. */
const BACKDATED_MS = 300_000;
const SERIAL_BYTES = 16;

export type CertificateSources = Pick<Runtime, 'nowMs' | 'randomBytes'>;

export interface Authority {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate;
  readonly pem: string;
  /** SHA-256 of its SubjectPublicKeyInfo, base64url. */
  readonly pin: string;
}

/** Random and positive, as RFC 5280 section 4.1.2.2 requires. */
function drawSerial(sources: CertificateSources): Uint8Array {
  const bytes = Uint8Array.from(sources.randomBytes(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** The certificate of a CA, in PEM, for its P-256 key. It is named after its key. */
export function issueAuthority(keyPem: string, sources: CertificateSources): string {
  const privateKey = createPrivateKey(keyPem);
  const publicKey = createPublicKey(privateKey);
  const commonName = `nexus CA ${Buffer.from(fingerprintOf(publicKey), 'base64url').subarray(0, 4).toString('hex')}`;
  const nowMs = sources.nowMs();
  return issueCertificate(
    {
      commonName,
      publicKey,
      serial: drawSerial(sources),
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + LIFETIME_MS.authority,
      role: { kind: 'authority' },
    },
    { commonName, privateKey },
  );
}

/** Opens a stored CA. Throws OpenSSL's error for a damaged file. */
export function openAuthority(keyPem: string, pem: string): Authority {
  const certificate = new X509Certificate(pem);
  return { privateKey: createPrivateKey(keyPem), certificate, pem, pin: fingerprintOf(certificate.publicKey) };
}

function commonNameOf(certificate: X509Certificate): string {
  return certificate.subject.replace(/^CN=/, '');
}

/** The names of a server certificate: host names and IP addresses. Other texts are left out. */
export function serverNames(texts: readonly string[]): AlternativeName[] {
  return [...new Set(texts.map((text) => text.toLowerCase()))].sort().flatMap((text): AlternativeName[] => {
    const bytes = addressBytes(text);
    if (bytes !== null) return [{ kind: 'address', bytes }];
    return isHostName(text) ? [{ kind: 'dns', text }] : [];
  });
}

/** Returns the server's own certificate in PEM. */
export function issueServer(
  authority: Authority,
  server: { readonly publicKey: KeyObject; readonly names: readonly AlternativeName[] },
  sources: CertificateSources,
): string {
  const { publicKey, names } = server;
  const nowMs = sources.nowMs();
  return issueCertificate(
    {
      commonName: 'nexus server',
      publicKey,
      serial: drawSerial(sources),
      notBeforeMs: nowMs - BACKDATED_MS,
      // No certificate outlives its CA.
      notAfterMs: Math.min(nowMs + LIFETIME_MS.server, authority.certificate.validToDate.getTime()),
      role: { kind: 'leaf', usage: SERVER_USAGE, names },
    },
    { commonName: commonNameOf(authority.certificate), privateKey: authority.privateKey },
  );
}

/** Whether two thirds of a certificate's life are over: 60 of 90 days for a server. */
export function isDueForRenewal(certificate: X509Certificate, nowMs: number): boolean {
  const from = certificate.validFromDate.getTime();
  const to = certificate.validToDate.getTime();
  return nowMs >= from + ((to - from) * 2) / 3;
}
