/**
 * The log as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). A piece is made when
 * the reader has taken the ones before, so nothing is buffered for a slow one; a socket that takes nothing for long is
 * closed like every other, and the reader resumes after the last id that it has seen.
 */
import type { LogEvent } from '../domain/event-log.ts';
import type { Feed, FeedCursor } from '../domain/feed.ts';
import { streamQuerySchema } from '../wire/operator.ts';
import type { Answer } from './answer.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { presentEvent } from './present.ts';
import { invalidField, readQuery } from './read-body.ts';
import type { Exchange, Route } from './route.ts';

const HEADERS = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } as const;
/** A comment: it opens the stream at once, and shows afterwards that both ends are alive. */
const ALIVE = ': alive\n\n';

function entryText(event: LogEvent): string {
  return `event: log\nid: ${event.id}\ndata: ${JSON.stringify(presentEvent(event))}\n\n`;
}

async function* readPieces(cursor: FeedCursor): AsyncGenerator<string> {
  try {
    yield ALIVE;
    for (;;) {
      const entries = await cursor.next(HTTP_LIMITS.streamAliveMs);
      if (entries === null) return;
      yield entries.length === 0 ? ALIVE : entries.map(entryText).join('');
    }
  } finally {
    cursor.close();
  }
}

function lastEventId({ request }: Exchange): number | null {
  const header = request.headers['last-event-id'];
  if (header === undefined || header === '') return null;
  const id = Number(header);
  if (typeof header !== 'string' || !/^\d+$/.test(header) || !Number.isSafeInteger(id)) {
    return invalidField('Last-Event-ID', 'must be the id of an entry of the log');
  }
  return id;
}

export function streamRoutes(feed: Feed): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/stream',
      access: 'operator',
      scope: 'read',
      summary: 'Follow the log as server-sent events: each entry once it is committed.',
      querySchema: streamQuerySchema,
      status: 200,
      handle(exchange): Answer {
        const { after, host, rollout_id: rolloutId } = readQuery(exchange, streamQuerySchema);
        const cursor = feed.open('stream', lastEventId(exchange) ?? after ?? null, { host, rolloutId });
        // While nothing is written, only this tells that the reader has left.
        exchange.response.once('close', () => cursor.close());
        return { status: 200, headers: HEADERS, pieces: readPieces(cursor) };
      },
    },
  ];
}
