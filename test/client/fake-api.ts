import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown;
}

/** The log as `GET /v1/stream` sends it, up to an end of the connection. */
export function eventStream(events: ReadonlyArray<{ readonly id: number }>): FakeAnswer {
  const texts = events.map((event) => `event: log\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`);
  return { headers: { 'content-type': 'text/event-stream' }, body: [': alive\n\n', ...texts].join('') };
}

/** A server that answers as `answer` says and remembers what it was asked. */
export interface FakeApi {
  readonly seen: readonly SeenRequest[];
  /** Empty for a server on a Unix socket. */
  readonly url: string;
  close(): Promise<void>;
}

async function seenRequest(request: IncomingMessage): Promise<SeenRequest> {
  const body = await text(request);
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    contentType: request.headers['content-type'],
    body: body === '' ? undefined : (JSON.parse(body) as unknown),
  };
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  const isText = typeof answer.body === 'string';
  response.writeHead(answer.status ?? 200, {
    'content-type': isText ? 'text/html' : 'application/json',
    ...answer.headers,
  });
  response.end(isText ? answer.body : answer.body === undefined ? undefined : JSON.stringify(answer.body));
}

/** Listens on `socketPath`, or on a free port of 127.0.0.1 without one. An answer of null is never sent. */
export async function startFakeApi(
  answer: (request: SeenRequest) => FakeAnswer | null,
  socketPath?: string,
): Promise<FakeApi> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const one = await seenRequest(request);
    seen.push(one);
    const reply = answer(one);
    if (reply !== null) send(response, reply);
  });
  if (socketPath === undefined) server.listen(0, '127.0.0.1');
  else server.listen(socketPath);
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    seen,
    url: socketPath === undefined ? `http://127.0.0.1:${port}` : '',
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
