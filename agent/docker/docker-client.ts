import { Agent, request as httpRequest } from 'node:http';
import { NexusError } from '../../src/domain/errors.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { timeLimit } from '../../src/runtime/wait.ts';
import { exchange, openExchange } from '../http-exchange.ts';
import { parseJson } from '../read-json.ts';
import { type Docker, type DockerReply, type DockerRequest, ENGINE_TIMEOUT_MS } from './docker.ts';
import { engineError } from './explain-engine-failure.ts';
import { chooseApiVersion, type EngineVersion, MIN_API_VERSION, parseEngineVersion } from './parse-engine-version.ts';

/** The list of thousands of containers is a few mebibytes. */
const MAX_ANSWER_BYTES = 67_108_864;
const CONNECTIONS = 6;

/** The engine behind a Unix socket. */
export class DockerClient implements Docker {
  readonly #socketPath: string;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  /** `/v1.47`; null until it is settled. */
  #prefix: string | null = null;

  constructor(socketPath: string, runtime: Pick<Runtime, 'setTimer'>) {
    this.#socketPath = socketPath;
    this.#runtime = runtime;
  }

  async negotiate(): Promise<EngineVersion> {
    const { body } = await this.#send({ method: 'GET', path: '/version' }, '');
    const version = parseEngineVersion(parseJson(body.toString()));
    if (version === null) throw this.#refused('its version cannot be read');
    const chosen = chooseApiVersion(version);
    if (chosen === null) {
      throw this.#refused(`it speaks API ${version.apiVersion}, and ${MIN_API_VERSION} (Docker 20.10) is needed`);
    }
    this.#prefix = `/v${chosen}`;
    return version;
  }

  async call(request: DockerRequest): Promise<DockerReply> {
    const reply = await this.#send(request, await this.#settledPrefix());
    if (reply.status >= 500) {
      // A daemon that was replaced by another version would refuse the old prefix: ask again.
      this.#prefix = null;
      throw this.#refused(`it answers ${reply.status} to ${request.method} ${request.path}`);
    }
    return reply;
  }

  async stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const prefix = await this.#settledPrefix();
    const head = timeLimit(this.#runtime, ENGINE_TIMEOUT_MS);
    const ended = new AbortController();
    // Not AbortSignal.any: every signal that is made from a long-lived one leaves a trace in it for good.
    const end = (): void => ended.abort(signal.aborted ? signal.reason : head.signal.reason);
    signal.addEventListener('abort', end);
    head.signal.addEventListener('abort', end);
    try {
      // A connection of its own: it is busy for as long as the engine runs.
      const peer = { request: httpRequest, options: { socketPath: this.#socketPath, agent: false as const } };
      const response = await openExchange(peer, { method: 'GET', path: prefix + path, signal: ended.signal });
      if (response.statusCode !== 200) {
        response.destroy();
        throw this.#refused(`it answers ${response.statusCode} to GET ${path}`);
      }
      return this.#read(response, signal, end);
    } catch (error) {
      signal.removeEventListener('abort', end);
      throw engineError(error, this.#socketPath);
    } finally {
      head.cancel();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async *#read(response: AsyncIterable<Buffer>, signal: AbortSignal, end: () => void): AsyncIterable<Buffer> {
    try {
      yield* response;
    } catch (error) {
      if (!signal.aborted) throw engineError(error, this.#socketPath);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  async #settledPrefix(): Promise<string> {
    if (this.#prefix === null) await this.negotiate();
    return this.#prefix ?? '';
  }

  async #send({ method, path, body, timeoutMs }: DockerRequest, prefix: string): Promise<DockerReply> {
    const limit = timeLimit(this.#runtime, timeoutMs ?? ENGINE_TIMEOUT_MS);
    const content =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    try {
      const peer = { request: httpRequest, options: { socketPath: this.#socketPath, agent: this.#agent } };
      return await exchange(peer, { method, path: prefix + path, ...content, signal: limit.signal }, MAX_ANSWER_BYTES);
    } catch (error) {
      throw engineError(error, this.#socketPath);
    } finally {
      limit.cancel();
    }
  }

  #refused(why: string): NexusError {
    return new NexusError('invalid', `The Docker Engine at ${this.#socketPath} cannot be used: ${why}`, {
      details: { failure: 'refused' },
    });
  }
}
