import { NexusError } from '../domain/errors.ts';

/** How a server is reached: over its Unix socket, where the file's mode is the permission, or over TCP with a bearer token. */
export type ApiTarget =
  | { readonly socketPath: string }
  | {
      readonly url: string;
      readonly token?: string;
      /** The only CA in PEM that may vouch for the server; without it, those that Node knows. */
      readonly authorityPem?: string | undefined;
    };

/** `sun_path` of unix(7) holds 108 bytes, the last of which ends it; some systems cut a longer path off silently. */
const MAX_SOCKET_PATH_BYTES = 107;

/** Anything else cannot travel in an Authorization header. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** A target that was checked, in the terms of HTTP: where to connect, and what precedes every path. */
export interface Endpoint {
  readonly origin: string;
  readonly socketPath: string | null;
  /** Empty, or a path without a slash at its end: a reverse proxy may serve Nexus under one. */
  readonly basePath: string;
  readonly token: string | null;
  readonly authorityPem: string | null;
  /** How messages name the server. */
  readonly label: string;
}

function endpointOfSocket(socketPath: string): Endpoint {
  const bytes = Buffer.byteLength(socketPath);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new NexusError(
      'usage',
      `the socket path ${socketPath} has ${bytes} bytes, but the system allows only ${MAX_SOCKET_PATH_BYTES}: use a data directory with a shorter path, or --url with NEXUS_ADMIN_TOKEN.`,
    );
  }
  return { origin: 'http://localhost', socketPath, basePath: '', token: null, authorityPem: null, label: socketPath };
}

function endpointOfUrl({ url: text, token, authorityPem }: Extract<ApiTarget, { url: string }>): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new NexusError('usage', `'${text}' is not the URL of a server: write for example http://127.0.0.1:8470.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new NexusError(
      'usage',
      'the URL of the server contains a user name or password, which Nexus does not use: put the token into NEXUS_ADMIN_TOKEN.',
    );
  }
  if (token !== undefined && !VISIBLE_ASCII.test(token)) {
    throw new NexusError(
      'usage',
      'NEXUS_ADMIN_TOKEN contains a space, a line break or another character that no token has: set it to the token alone.',
    );
  }
  const basePath = url.pathname.replace(/\/+$/, '');
  return {
    origin: url.origin,
    socketPath: null,
    basePath,
    token: token ?? null,
    authorityPem: authorityPem ?? null,
    label: `${url.origin}${basePath}`,
  };
}

/** Throws `usage` for a path or URL that cannot be used. */
export function endpointOf(target: ApiTarget): Endpoint {
  return 'socketPath' in target ? endpointOfSocket(target.socketPath) : endpointOfUrl(target);
}
