/** node:http with every limit set, on TCP, on TLS or on a Unix socket. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Runtime } from '../domain/runtime.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import type { HttpSurface } from './http-surface.ts';
import { requireTls } from './require-tls.ts';

export interface TlsCredentials {
  readonly keyPem: string;
  readonly chainPem: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** The certificate to present, which may be renewed. */
export interface PresentedCertificate {
  readonly current: TlsCredentials;
  /** Calls `present` whenever there is a new one. */
  follow(present: (credentials: TlsCredentials) => void): void;
}

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  /** Plain HTTP without it. */
  readonly tls?: PresentedCertificate | undefined;
}

type ListenAddress = TcpAddress | { readonly socketPath: string };

export interface HttpListener {
  /** The port that was bound; 0 for a Unix socket. */
  readonly port: number;
  /** Stops taking connections, lets requests in flight finish for a bounded time, then cuts. */
  close(): Promise<void>;
}

const SERVER_OPTIONS = {
  maxHeaderSize: HTTP_LIMITS.maxHeaderBytes,
  headersTimeout: HTTP_LIMITS.headersTimeoutMs,
  requestTimeout: HTTP_LIMITS.requestTimeoutMs,
  keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
  connectionsCheckingInterval: 2_000,
  noDelay: true,
} as const;

function contextOptions({ keyPem, chainPem, minVersion }: TlsCredentials) {
  return { key: keyPem, cert: chainPem, minVersion };
}

function configure<S extends Server>(server: S, surface: HttpSurface, isLocal: boolean): S {
  server.maxHeadersCount = HTTP_LIMITS.maxHeaders;
  server.maxConnections = HTTP_LIMITS.maxConnections;
  server.setTimeout(HTTP_LIMITS.socketTimeoutMs);
  const serve = (request: IncomingMessage, response: ServerResponse) => surface.serve(request, response, isLocal);
  server.on('request', serve);
  // Taken here so that a refusal comes before the body is asked for.
  server.on('checkContinue', serve);
  return server;
}

interface Opened {
  readonly server: Server;
  /** Ends every connection at once. */
  cut(): void;
}

function openPlain(surface: HttpSurface, isLocal: boolean): Opened {
  const server = configure(createServer(SERVER_OPTIONS), surface, isLocal);
  return { server, cut: () => server.closeAllConnections() };
}

function openTls(runtime: Runtime, surface: HttpSurface, certificate: PresentedCertificate): Opened {
  const options = { ...SERVER_OPTIONS, handshakeTimeout: HTTP_LIMITS.headersTimeoutMs };
  const server = configure(createTlsServer({ ...options, ...contextOptions(certificate.current) }), surface, false);
  // From the next connection on.
  certificate.follow((credentials) => server.setSecureContext(contextOptions(credentials)));
  requireTls(server, runtime);
  // node:http knows of a connection only once its handshake is over.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    server,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function open(runtime: Runtime, surface: HttpSurface, address: ListenAddress): Opened {
  if ('socketPath' in address) return openPlain(surface, true);
  return address.tls === undefined ? openPlain(surface, false) : openTls(runtime, surface, address.tls);
}

/**
 * The operators' socket, which only this user may open. To be called only while no other server can be listening: what
 * an earlier one left behind is removed. Throws `store_unavailable`.
 */
export async function listenLocally(runtime: Runtime, surface: HttpSurface, socketPath: string): Promise<HttpListener> {
  try {
    rmSync(socketPath, { force: true });
    const listener = await listen(runtime, surface, { socketPath });
    chmodSync(socketPath, 0o600);
    return listener;
  } catch (error) {
    const advice = 'make the data directory writable for this user, or choose another with --data';
    throw new NexusError('store_unavailable', `cannot create ${socketPath}: ${messageOf(error)}; ${advice}`, {
      cause: error,
    });
  }
}

/** Throws `unreachable` when the address cannot be had. */
export function listen(runtime: Runtime, surface: HttpSurface, address: ListenAddress): Promise<HttpListener> {
  const { server, cut } = open(runtime, surface, address);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address)));
    const listening = () => {
      const bound = server.address();
      const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
      resolve({ port, close: () => closeServer(runtime, server, surface, cut) });
    };
    if ('socketPath' in address) server.listen(address.socketPath, listening);
    else server.listen(address.port, address.host, listening);
  });
}

function listenError(error: NodeJS.ErrnoException, address: ListenAddress): NexusError {
  const where = 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`;
  const advice: Record<string, string> = {
    EADDRINUSE: 'another program listens there: stop it, or choose another address with --listen HOST:PORT',
    EACCES: 'this user may not: choose a port above 1023, or run with the right to bind it',
    EADDRNOTAVAIL: 'this machine does not have that address: choose another with --listen HOST:PORT',
    ENOTFOUND: 'the name does not resolve: give an address with --listen HOST:PORT',
  };
  return new NexusError('unreachable', `cannot listen on ${where}: ${advice[error.code ?? ''] ?? error.message}`, {
    cause: error,
  });
}

function closeServer(runtime: Runtime, server: Server, surface: HttpSurface, cut: () => void): Promise<void> {
  surface.announceClose();
  return new Promise((resolve) => {
    const limit = runtime.setTimer(HTTP_LIMITS.shutdownMs, cut);
    server.close(() => {
      limit.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
