/** What the server presents on its TLS port: its own CA's certificate, or files that somebody else renews. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { CertificateSources } from './authority.ts';
import { keepServerIdentity } from './pki-folder.ts';

const EXPIRES_SOON_MS = 14 * 86_400_000;
const WARN_EVERY_MS = 86_400_000;

/** `own`: a CA in the data directory issues the certificate. `files`: PEM of another CA, reread when they change. */
export type TlsSource =
  /** `names`: host names and addresses that clients use, besides those of this machine. */
  | { readonly kind: 'own'; readonly names: readonly string[] }
  | { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string };

export interface ServerCredentials {
  readonly keyPem: string;
  /** The server's certificate first, then those of its CAs. */
  readonly chainPem: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** The certificate that a server presents, kept current. */
export class ServerCertificate {
  readonly #read: () => Promise<ServerCredentials>;
  readonly #clock: Pick<CertificateSources, 'nowMs'>;
  readonly #log: Log;
  readonly #followers: Array<(credentials: ServerCredentials) => void> = [];
  #current: ServerCredentials;
  /** Why the last reread failed; null after one that succeeded. */
  #failure: string | null = null;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  /** The CA that clients must be given, in a file; null when it is a CA that they know already. */
  readonly authorityFile: string | null;

  private constructor(
    read: () => Promise<ServerCredentials>,
    current: ServerCredentials,
    authorityFile: string | null,
    clock: Pick<CertificateSources, 'nowMs'>,
    log: Log,
  ) {
    this.#read = read;
    this.#clock = clock;
    this.#current = current;
    this.authorityFile = authorityFile;
    this.#log = log;
  }

  /**
   * For `own`, the first call creates the CA. Throws `store_refused` for a damaged CA and `usage` for files that cannot
   * be used.
   */
  static async open(source: TlsSource, dataDir: string, sources: CertificateSources, log: Log) {
    const folder = join(dataDir, 'pki');
    const read = () =>
      source.kind === 'own'
        ? readOwn(folder, source.names, sources)
        : readFiles(source.certificateFile, source.keyFile);
    const authorityFile = source.kind === 'own' ? join(folder, 'ca.pem') : null;
    const certificate = new ServerCertificate(read, await read(), authorityFile, sources, log);
    certificate.#warnOfExpiry();
    return certificate;
  }

  get current(): ServerCredentials {
    return this.#current;
  }

  /** Calls `present` whenever {@link reread} finds a new certificate. */
  follow(present: (credentials: ServerCredentials) => void): void {
    this.#followers.push(present);
  }

  /**
   * Renews a certificate that is due, or rereads the files. While what is new cannot be used, the server goes on with
   * what it has. Never rejects.
   */
  async reread(): Promise<void> {
    try {
      this.#present(await this.#read());
      this.#failure = null;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#failure) {
        this.#log.warn({ reason }, 'the TLS certificate could not be reread: the server keeps presenting the old one');
      }
      this.#failure = reason;
    }
    this.#warnOfExpiry();
  }

  #present(found: ServerCredentials): void {
    if (found.chainPem === this.#current.chainPem && found.keyPem === this.#current.keyPem) return;
    this.#current = found;
    for (const present of this.#followers) present(found);
    this.#log.info(
      { valid_to: new X509Certificate(found.chainPem).validTo },
      'the server now presents a new TLS certificate',
    );
  }

  /** Once a day. */
  #warnOfExpiry(): void {
    const nowMs = this.#clock.nowMs();
    const { validTo, validToDate } = new X509Certificate(this.#current.chainPem);
    if (validToDate.getTime() - nowMs > EXPIRES_SOON_MS || nowMs - this.#warnedAtMs < WARN_EVERY_MS) return;
    this.#warnedAtMs = nowMs;
    this.#log.warn({ valid_to: validTo }, 'the TLS certificate expires soon, and then no client trusts this server');
  }
}

/** The names by which other machines may know this one: its host name, and its addresses but link-local IPv6. */
function machineNames(): string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = interfaces.filter(({ address }) => !address.startsWith('fe80:')).map(({ address }) => address);
  return ['localhost', hostname(), ...addresses];
}

async function readOwn(
  folder: string,
  names: readonly string[],
  sources: CertificateSources,
): Promise<ServerCredentials> {
  const { keyPem, chainPem } = await keepServerIdentity(folder, [...machineNames(), ...names], sources);
  return { keyPem, chainPem, minVersion: 'TLSv1.3' };
}

async function readFiles(certificateFile: string, keyFile: string): Promise<ServerCredentials> {
  const chainPem = await readPem('--tls-cert', certificateFile, (pem) => new X509Certificate(pem));
  const keyPem = await readPem('--tls-key', keyFile, createPrivateKey);
  if (!new X509Certificate(chainPem).checkPrivateKey(createPrivateKey(keyPem))) {
    throw new NexusError(
      'usage',
      `the key in ${keyFile} does not belong to the first certificate in ${certificateFile}: name the two files that were issued together with --tls-cert and --tls-key.`,
    );
  }
  // Its clients may be of any age.
  return { keyPem, chainPem, minVersion: 'TLSv1.2' };
}

async function readPem(flag: string, file: string, parse: (pem: string) => unknown): Promise<string> {
  try {
    const pem = await readFile(file, 'utf8');
    parse(pem);
    return pem;
  } catch (error) {
    throw new NexusError('usage', `${flag} is ${file}, which cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}
