/** The server's side of a rollout: what there is to do, what it knows, and the events. */
import { type AgentStateBody, agentStateBodySchema, dispatchBodySchema } from '../../src/wire/agent-event.ts';
import { digestSchema, stackSchema } from '../../src/wire/release.ts';
import { parseJson } from '../read-json.ts';
import type { QueuedEvent } from './queued-event.ts';
import type { ServerReply, ServerTransport } from './transport.ts';

/** Stack names and digests become paths on disk, so nothing of another form gets past this schema. */
const strictDispatchSchema = dispatchBodySchema.extend({ stack: stackSchema, release: digestSchema });

const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than the poll's own wait, so that a slow answer is not taken for a dead connection. */
const POLL_MARGIN_MS = 15_000;

/** One open rollout as the server sees it. */
export type ServerView = AgentStateBody['rollouts'][number];

export class RolloutApi {
  readonly #transport: ServerTransport;
  readonly #signal: AbortSignal;

  /** `signal` cuts off what is under way. */
  constructor(transport: ServerTransport, signal: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** `GET /v1/agent/dispatch`: waits up to `waitSeconds` for something to do. */
  poll(waitSeconds: number): Promise<ServerReply> {
    const timeoutMs = waitSeconds * 1000 + POLL_MARGIN_MS;
    return this.#transport.call({
      lane: 'poll',
      method: 'GET',
      path: `/v1/agent/dispatch?wait=${waitSeconds}`,
      timeoutMs,
      signal: this.#signal,
    });
  }

  state(): Promise<ServerReply> {
    return this.#transport.call({
      lane: 'rollouts',
      method: 'GET',
      path: '/v1/agent/state',
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal: this.#signal,
    });
  }

  /** `POST /v1/agent/events` with one event. */
  report(hostname: string, rolloutId: string, event: QueuedEvent): Promise<ServerReply> {
    const json = JSON.stringify({ hostname, rollout_id: rolloutId, event, signature: null });
    return this.#transport.call({
      lane: 'rollouts',
      method: 'POST',
      path: '/v1/agent/events',
      body: { bytes: Buffer.from(json), gzipped: false },
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal: this.#signal,
    });
  }
}

/** The dispatch in the body of a 200; null when this agent cannot act on it. */
export function parseDispatch(body: Buffer) {
  return strictDispatchSchema.safeParse(parseJson(body.toString())).data ?? null;
}

/** The body of `GET /v1/agent/state`; null when it cannot be read. */
export function parseState(body: Buffer) {
  return agentStateBodySchema.safeParse(parseJson(body.toString())).data ?? null;
}
