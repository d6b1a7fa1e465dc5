import { dirname } from 'node:path';
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Endpoint } from './api-target.ts';

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error.name === 'TimeoutError') return 'TIMEOUT';
  if (error.name === 'HTTPParserError') return 'NOT_HTTP';
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function socketSentence(socketPath: string, code: string): string | undefined {
  const dataDir = dirname(socketPath);
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTDIR':
      return `nexus serve is not running on the data directory ${dataDir}: nothing answers at ${socketPath}. Start it with 'nexus serve --data ${dataDir}', or name another server with --data DIR or --url URL.`;
    case 'EACCES':
    case 'EPERM':
      return `you may not open ${socketPath}, because the server runs as another user. Run this command as that user or with sudo, or connect over the network with --url URL and NEXUS_ADMIN_TOKEN.`;
    default:
      return undefined;
  }
}

function networkSentence(label: string, code: string): string | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${label}. Check the address, and that 'nexus serve --listen' names one that this machine can reach.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host name in ${label} does not resolve. Check --url and this machine's DNS.`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `${label} cannot be reached from this machine. Check the address, the network and any firewall in between.`;
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `${label} does not speak TLS. If that is intended, write http:// in --url.`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return `the certificate of ${label} is not from a CA that this machine trusts. Copy pki/ca.pem from the data directory of the server, and name it with --ca FILE or in NEXUS_CA.`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${label} is for other names. Use one of them, or start the server with --tls-name and the name in --url.`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${label} is not valid at this time. Check the clocks of this machine and of the server.`;
    default:
      return undefined;
  }
}

function sharedSentence(label: string, code: string, timeoutMs: number, error: unknown): string {
  if (code === 'TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return `${label} did not answer within ${timeoutMs / 1000} s. It may be overloaded: read its log, then try again.`;
  }
  if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE') {
    return `the connection to ${label} broke before the answer was complete. The request may have been carried out: check before you repeat it.`;
  }
  if (code === 'NOT_HTTP') {
    return `${label} answers, but not in HTTP: something other than nexus serve is listening there. Check the address.`;
  }
  return `${label} cannot be reached: ${messageOf(error)}. Check the address and that nexus serve runs there.`;
}

/** What undici threw, as an operational failure that says what to do. */
export function unreachable(endpoint: Endpoint, timeoutMs: number, error: unknown): NexusError {
  const code = codeOf(error);
  const specific =
    endpoint.socketPath === null ? networkSentence(endpoint.label, code) : socketSentence(endpoint.socketPath, code);
  const message = specific ?? sharedSentence(endpoint.label, code, timeoutMs, error);
  return new NexusError('unreachable', message, { cause: error, ...(code === '' ? {} : { details: { cause: code } }) });
}
