import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, NexusError } from '../src/domain/errors.ts';

/** The CA in a PEM file, as text. `origin` is the flag or variable that names the file. Throws `usage`. */
export function readAuthorityFile(path: string, origin: string): string {
  try {
    const pem = readFileSync(path, 'utf8');
    // Node itself takes a file without a certificate for an empty list of CAs, and says nothing.
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new NexusError(
      'usage',
      `${origin} is ${path}, which is not a readable certificate in PEM (${messageOf(error)}): copy pki/ca.pem from the data directory of the server.`,
      { cause: error },
    );
  }
}
