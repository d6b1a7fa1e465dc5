/** Runs one probe of a release once: an HTTP request, a TCP connection. */
import { connect } from 'node:net';
import { messageOf } from '../../../src/domain/errors.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { timeLimit } from '../../../src/runtime/wait.ts';
import { hostOf, openExchange, protocolOf } from '../../http-exchange.ts';

/** Why a probe fails, as a sentence; null when it passes. */
export type FailureReason = string | null;

type Timers = Pick<Runtime, 'setTimer'>;

const FIRST_BAD_STATUS = 400;
/** Only the status counts, once the answer begins to arrive; a large page is not read to its end. */
const MOST_BODY_BYTES = 65_536;

/** One GET without following redirects. `status` null: anything below 400 will do. */
export async function checkHttp(
  runtime: Timers,
  url: string,
  status: number | null,
  timeoutMs: number,
): Promise<FailureReason> {
  const target = new URL(url);
  const limit = timeLimit(runtime, timeoutMs);
  try {
    const { request } = await protocolOf(target);
    // Each check connects: that the service still accepts connections is part of the answer.
    const peer = { request, options: { ...hostOf(target), agent: false as const } };
    const response = await openExchange(peer, {
      method: 'GET',
      path: target.pathname + target.search,
      headers: { 'user-agent': 'nexus-probe' },
      signal: limit.signal,
    });
    await readSome(response, limit.signal);
    const answered = response.statusCode ?? 0;
    if (status === null ? answered < FIRST_BAD_STATUS : answered === status) return null;
    return `${url} answers ${answered}${status === null ? '' : `, not ${status}`}`;
  } catch (error) {
    return `${url} ${explain(error, timeoutMs)}`;
  } finally {
    limit.cancel();
  }
}

async function readSome(body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
  let bytes = 0;
  try {
    for await (const piece of body) {
      bytes += piece.length;
      if (bytes > MOST_BODY_BYTES) return;
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}

/** Connects and closes the connection again. `address`: HOST:PORT, an IPv6 address in brackets. */
export function checkTcp(runtime: Timers, address: string, timeoutMs: number): Promise<FailureReason> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)) });
    const finish = (reason: FailureReason): void => {
      limit.cancel();
      socket.destroy();
      resolve(reason);
    };
    const limit = runtime.setTimer(timeoutMs, () =>
      finish(`${address} does not accept a connection within ${timeoutMs / 1000} s`),
    );
    socket.once('connect', () => finish(null));
    socket.once('error', (error) => finish(`${address} cannot be connected to: ${explain(error, timeoutMs)}`));
  });
}

function explain(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `does not answer within ${timeoutMs / 1000} s`;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}
