import type { Socket } from 'node:net';
import type { Server } from 'node:tls';
import type { Runtime } from '../domain/runtime.ts';
import { TLS_REQUIRED } from '../domain/tls-required.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';

/** The type of a TLS record that begins a handshake (RFC 8446 section 5.1). No HTTP request begins with it. */
const HANDSHAKE = 0x16;

/** The answer to plain HTTP, whole. */
function refusal(): string {
  const { body = '', headers = {} } = problem(
    400,
    'this port speaks TLS: write https:// in the address of the server',
    { code: TLS_REQUIRED },
  );
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 400 Bad Request\r\n${lines.join('')}\r\n${body}`;
}

/**
 * Answers a connection that begins with anything but a TLS handshake in plain HTTP: without that, a client with http://
 * in its address sees only a broken connection. To be called before anything listens for the server's connections.
 */
export function requireTls(server: Server, runtime: Pick<Runtime, 'setTimer'>): void {
  const acceptors = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const limit = runtime.setTimer(HTTP_LIMITS.headersTimeoutMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => limit.cancel());
    socket.once('data', (piece: Buffer) => {
      if (piece[0] !== HANDSHAKE) {
        // What the client still sends is read, up to the limit, so that it can read the answer.
        socket.resume();
        socket.end(refusal());
        return;
      }
      limit.cancel();
      socket.pause();
      socket.unshift(piece);
      for (const accept of acceptors) accept.call(server, socket);
    });
  });
}
