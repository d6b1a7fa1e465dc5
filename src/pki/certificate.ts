/** Issues X.509 certificates (RFC 5280) of two kinds: for a CA and for a server. */
import { createPublicKey, hash, type KeyObject, sign } from 'node:crypto';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derImplicit,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
  derText,
  derTime,
  derUnsigned,
} from './der.ts';

const OID = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** The extended key usage of a server (RFC 5280 section 4.2.1.12). */
export const SERVER_USAGE = '1.3.6.1.5.5.7.3.1';

/** Tags of GeneralName (RFC 5280 section 4.2.1.6). */
const NAME_TAG = { dns: 2, address: 7 } as const;

export type AlternativeName =
  | { readonly kind: 'dns'; readonly text: string }
  /** 4 or 16 bytes. */
  | { readonly kind: 'address'; readonly bytes: Uint8Array };

/** Key usage bits (RFC 5280 section 4.2.1.3), and how many of their byte are unused. */
const DIGITAL_SIGNATURE = derBitString(Buffer.from([0b1000_0000]), 7);
const CERTIFICATE_AND_CRL_SIGN = derBitString(Buffer.from([0b0000_0110]), 1);

export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** Random, so that it is unique and cannot be predicted. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly role:
    | { readonly kind: 'authority' }
    | { readonly kind: 'leaf'; readonly usage: string; readonly names: readonly AlternativeName[] };
}

export interface Issuer {
  readonly commonName: string;
  /** P-256. */
  readonly privateKey: KeyObject;
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** Identifies a key within a chain; any unique value will do (RFC 5280 section 4.2.1.2). */
function keyIdentifier(key: KeyObject): Uint8Array {
  return hash('sha256', spkiOf(key), 'buffer').subarray(0, 20);
}

function distinguishedName(commonName: string): Uint8Array {
  return derSequence(derSetOf(derSequence(derObjectIdentifier(OID.commonName), derText(commonName))));
}

function extension(oid: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  const critical = isCritical ? [derBoolean(true)] : [];
  return derSequence(derObjectIdentifier(oid), ...critical, derOctetString(value));
}

function generalName(name: AlternativeName): Uint8Array {
  return derImplicit(NAME_TAG[name.kind], name.kind === 'address' ? name.bytes : Buffer.from(name.text, 'ascii'));
}

function extensionsOf({ role, publicKey }: CertificateRequest, issuerKey: KeyObject): Uint8Array[] {
  const subjectKey = extension(OID.subjectKeyIdentifier, false, derOctetString(keyIdentifier(publicKey)));
  if (role.kind === 'authority') {
    const pathLength = derUnsigned(Buffer.from([0]));
    return [
      extension(OID.basicConstraints, true, derSequence(derBoolean(true), pathLength)),
      extension(OID.keyUsage, true, CERTIFICATE_AND_CRL_SIGN),
      subjectKey,
    ];
  }
  const authorityKey = derSequence(derImplicit(0, keyIdentifier(createPublicKey(issuerKey))));
  return [
    extension(OID.basicConstraints, true, derSequence()),
    extension(OID.keyUsage, true, DIGITAL_SIGNATURE),
    extension(OID.extendedKeyUsage, false, derSequence(derObjectIdentifier(role.usage))),
    extension(OID.subjectAltName, false, derSequence(...role.names.map(generalName))),
    subjectKey,
    extension(OID.authorityKeyIdentifier, false, authorityKey),
  ];
}

/** Returns PEM. For a self-signed CA, `issuer` holds the private key of `request.publicKey`. */
export function issueCertificate(request: CertificateRequest, issuer: Issuer): string {
  const algorithm = derSequence(derObjectIdentifier(OID.ecdsaWithSha256));
  const version3 = derExplicit(0, derUnsigned(Buffer.from([2])));
  const toBeSigned = derSequence(
    version3,
    derUnsigned(request.serial),
    algorithm,
    distinguishedName(issuer.commonName),
    derSequence(derTime(request.notBeforeMs), derTime(request.notAfterMs)),
    distinguishedName(request.commonName),
    spkiOf(request.publicKey),
    derExplicit(3, derSequence(...extensionsOf(request, issuer.privateKey))),
  );
  const signature = sign('sha256', toBeSigned, issuer.privateKey);
  return encodePem(derSequence(toBeSigned, algorithm, derBitString(signature)));
}

/** RFC 7468. */
function encodePem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
