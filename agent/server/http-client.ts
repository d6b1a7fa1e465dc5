import type { Agent } from 'node:http';
import { RELEASE_LIMITS } from '../../src/domain/release.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { TLS_REQUIRED } from '../../src/domain/tls-required.ts';
import { NEXUS_VERSION } from '../../src/domain/version.ts';
import { describeHttpFailure, exchange, type HttpPeer, hostOf, protocolOf } from '../http-exchange.ts';
import { asObject, parseJson, textAt } from '../read-json.ts';
import type { Lane, ServerCall, ServerReply, ServerTransport } from './transport.ts';

/** The largest answer is a release's manifest. */
const MAX_ANSWER_BYTES = RELEASE_LIMITS.maxManifestBytes + 65_536;
/** Longer than the longest usual interval, so that the next tick finds the connection open. */
const KEEP_ALIVE_MS = 120_000;
const CONNECTIONS: Readonly<Record<Lane, number>> = { telemetry: 1, poll: 1, rollouts: 4 };
/** The other side may close an idle connection at the very moment it is used again. */
const CLOSED_UNDER_WAY: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

const CUT_OFF = 'it was cut off because the agent stops';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export interface ServerEndpoint {
  /** http(s) without credentials; a path in it comes before the API's own. */
  readonly url: URL;
  readonly token: string;
  /** The only CA in PEM that may vouch for the server; null: those that Node knows. */
  readonly authorityPem: string | null;
}

/** Keep-alive connections to the Nexus server. */
export class HttpClient implements ServerTransport {
  readonly #peers: Readonly<Record<Lane, HttpPeer>>;
  readonly #agents: readonly Agent[];
  readonly #basePath: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #runtime: Pick<Runtime, 'setTimer'>;

  private constructor(
    url: URL,
    token: string,
    runtime: Pick<Runtime, 'setTimer'>,
    request: HttpPeer['request'],
    agents: Readonly<Record<Lane, Agent>>,
  ) {
    const peerOf = (agent: Agent): HttpPeer => ({ request, options: { ...hostOf(url), agent } });
    this.#peers = {
      telemetry: peerOf(agents.telemetry),
      poll: peerOf(agents.poll),
      rollouts: peerOf(agents.rollouts),
    };
    this.#agents = Object.values(agents);
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#headers = { authorization: `Bearer ${token}`, 'user-agent': `nexus-agent/${NEXUS_VERSION}` };
    this.#runtime = runtime;
  }

  /** Connects with the first call. */
  static async open(
    { url, token, authorityPem }: ServerEndpoint,
    runtime: Pick<Runtime, 'setTimer'>,
  ): Promise<HttpClient> {
    const { request, Agent } = await protocolOf(url);
    const trust = authorityPem === null ? {} : { ca: authorityPem };
    const agentOf = (lane: Lane) =>
      new Agent({ keepAlive: true, timeout: KEEP_ALIVE_MS, maxSockets: CONNECTIONS[lane], ...trust });
    const agents = { telemetry: agentOf('telemetry'), poll: agentOf('poll'), rollouts: agentOf('rollouts') };
    return new HttpClient(url, token, runtime, request, agents);
  }

  async call(call: ServerCall): Promise<ServerReply> {
    try {
      return await this.#send(call);
    } catch (error) {
      if (!CLOSED_UNDER_WAY.has(codeOf(error))) return silence(error, call.timeoutMs);
    }
    // Once more on a fresh connection.
    try {
      return await this.#send(call);
    } catch (error) {
      return silence(error, call.timeoutMs);
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #send({ lane, method, path, body, timeoutMs, signal }: ServerCall): Promise<ServerReply> {
    if (signal?.aborted === true) throw new Error(CUT_OFF);
    const underWay = new AbortController();
    const limit = this.#runtime.setTimer(timeoutMs, () => underWay.abort(new DOMException('', 'TimeoutError')));
    // Not AbortSignal.any: every signal that is made from a long-lived one leaves a trace in it for good.
    const cutOff = (): void => underWay.abort(new Error(CUT_OFF));
    signal?.addEventListener('abort', cutOff);
    const headers = {
      ...this.#headers,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(body?.gzipped === true ? { 'content-encoding': 'gzip' } : {}),
    };
    const content = body === undefined ? {} : { body: body.bytes };
    try {
      const call = { method, path: this.#basePath + path, headers, ...content, signal: underWay.signal };
      const answer = await exchange(this.#peers[lane], call, MAX_ANSWER_BYTES);
      // A refusal that says nothing about what was sent: what waits to be sent must not be dropped for it.
      if (answer.status === 400 && isTlsRequired(answer.body)) {
        return { kind: 'silence', reason: 'the server speaks TLS: write https:// in NEXUS_URL' };
      }
      return { kind: 'answer', ...answer };
    } finally {
      limit.cancel();
      signal?.removeEventListener('abort', cutOff);
    }
  }
}

function isTlsRequired(body: Buffer): boolean {
  return textAt(asObject(parseJson(body.toString())), 'code') === TLS_REQUIRED;
}

function silence(error: unknown, timeoutMs: number): ServerReply {
  return { kind: 'silence', reason: describeHttpFailure(error, timeoutMs) };
}
