/** The agent's way to its server over the simulated network. */
import { gunzipSync } from 'node:zlib';
import type { ServerCall, ServerReply, ServerTransport } from '../../../../agent/server/transport.ts';
import { messageOf } from '../../../../src/domain/errors.ts';
import type { SimulatedProcess } from '../kernel/machine.ts';
import { type HttpAnswer, type HttpMessage, type Network, NetworkError } from '../kernel/network.ts';

export function serverTransportOf(process: SimulatedProcess, network: Network, token: string): ServerTransport {
  const send = (call: ServerCall): Promise<HttpAnswer> => {
    const over = new AbortController();
    const limit = process.runtime.setTimer(call.timeoutMs, () => over.abort(new Error('no answer in time')));
    const cutOff = (): void => over.abort(new Error('it was cut off'));
    call.signal?.addEventListener('abort', cutOff);
    return network.request(process, messageOfCall(call, token), over.signal).finally(() => {
      limit.cancel();
      call.signal?.removeEventListener('abort', cutOff);
    });
  };
  return {
    async call(call) {
      if (call.signal?.aborted === true) return { kind: 'silence', reason: 'it was cut off' };
      try {
        return replyOf(await send(call));
      } catch (error) {
        // As the real one does it: once more on a fresh connection, when the other side closes the one in use.
        if (!(error instanceof NetworkError) || error.code !== 'ECONNRESET') return silence(error);
      }
      return send(call).then(replyOf, silence);
    },
    close() {},
  };
}

/** What is compressed on the way is unpacked before the server, which would do it in a thread. */
function messageOfCall({ method, path, body }: ServerCall, token: string): HttpMessage {
  const headers = { authorization: `Bearer ${token}` };
  if (body === undefined) return { method, path, headers, body: Buffer.alloc(0) };
  const bytes = body.gzipped ? gunzipSync(body.bytes) : Buffer.from(body.bytes);
  return {
    method,
    path,
    headers: { ...headers, 'content-type': 'application/json', 'content-length': String(bytes.length) },
    body: bytes,
  };
}

function replyOf({ status, headers, body }: HttpAnswer): ServerReply {
  return { kind: 'answer', status, retryAfter: headers['retry-after'] ?? null, body };
}

function silence(error: unknown): ServerReply {
  return { kind: 'silence', reason: messageOf(error) };
}
