/** node:http with every limit set, on TCP or on a Unix socket. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Runtime } from '../domain/runtime.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import type { HttpSurface } from './http-surface.ts';

type ListenAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface HttpListener {
  /** The port that was bound; 0 for a Unix socket. */
  readonly port: number;
  /** Stops taking connections, lets requests in flight finish for a bounded time, then cuts. */
  close(): Promise<void>;
}

function configure(surface: HttpSurface, isLocal: boolean): Server {
  const server = createServer({
    maxHeaderSize: HTTP_LIMITS.maxHeaderBytes,
    headersTimeout: HTTP_LIMITS.headersTimeoutMs,
    requestTimeout: HTTP_LIMITS.requestTimeoutMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
    connectionsCheckingInterval: 2_000,
    noDelay: true,
  });
  server.maxHeadersCount = HTTP_LIMITS.maxHeaders;
  server.maxConnections = HTTP_LIMITS.maxConnections;
  server.setTimeout(HTTP_LIMITS.socketTimeoutMs);
  const serve = (request: IncomingMessage, response: ServerResponse) => surface.serve(request, response, isLocal);
  server.on('request', serve);
  // Taken here so that a refusal comes before the body is asked for.
  server.on('checkContinue', serve);
  return server;
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
  const server = configure(surface, 'socketPath' in address);
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address)));
    const listening = () => {
      const bound = server.address();
      const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
      resolve({ port, close: () => closeServer(runtime, server, surface) });
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

function closeServer(runtime: Runtime, server: Server, surface: HttpSurface): Promise<void> {
  surface.announceClose();
  return new Promise((resolve) => {
    const cut = runtime.setTimer(HTTP_LIMITS.shutdownMs, () => server.closeAllConnections());
    server.close(() => {
      cut.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
