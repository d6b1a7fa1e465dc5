/** Calls of the Docker Engine API over its Unix socket, beyond what telemetry reads. */
import Pool from 'undici/lib/dispatcher/pool.js';
import { NexusError } from '../../src/domain/errors.ts';
import { httpRequest } from '../http-request.ts';
import { parseJson } from '../read-json.ts';
import { ENGINE_TIMEOUT_MS } from './engine-connection.ts';
import { engineError } from './explain-engine-failure.ts';
import { chooseApiVersion, MIN_API_VERSION, parseEngineVersion } from './parse-engine-version.ts';

const MAX_ANSWER_BYTES = 16 * 1_048_576;
const CONNECTIONS = 6;

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query, without a version. */
  readonly path: string;
  readonly body?: unknown;
  /** Five seconds unless told otherwise. */
  readonly timeoutMs?: number;
  /** Bytes instead of JSON. */
  readonly raw?: boolean;
}

export interface EngineReply {
  readonly status: number;
  /** Parsed JSON; null when it is none; with `raw`, a Buffer. */
  readonly body: unknown;
}

export class EngineCaller {
  readonly #socketPath: string;
  readonly #pool: InstanceType<typeof Pool>;
  #prefix: string | null = null;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#pool = new Pool('http://docker', {
      socketPath,
      connections: CONNECTIONS,
      connectTimeout: ENGINE_TIMEOUT_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Any answer below 500; throws a {@link NexusError} when there is none. */
  async call(request: EngineRequest): Promise<EngineReply> {
    const prefix = await this.#negotiate();
    const reply = await this.#send(request, prefix);
    if (reply.status >= 500) {
      // A daemon that was replaced by another version would refuse the old prefix: ask anew.
      this.#prefix = null;
      throw this.#refused(`it answers ${reply.status} to ${request.method} ${request.path}`);
    }
    return reply;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #negotiate(): Promise<string> {
    if (this.#prefix !== null) return this.#prefix;
    const version = parseEngineVersion((await this.#send({ method: 'GET', path: '/version' }, '')).body);
    if (version === null) throw this.#refused('its version cannot be read');
    const chosen = chooseApiVersion(version);
    if (chosen === null) {
      throw this.#refused(`it speaks API ${version.apiVersion}, and ${MIN_API_VERSION} (Docker 20.10) is needed`);
    }
    this.#prefix = `/v${chosen}`;
    return this.#prefix;
  }

  async #send(request: EngineRequest, prefix: string): Promise<EngineReply> {
    const { method, path, body, timeoutMs = ENGINE_TIMEOUT_MS } = request;
    try {
      const response = await httpRequest(this.#pool, {
        method,
        path: prefix + path,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      return { status: response.statusCode, body: request.raw === true ? bytes : parseJson(bytes.toString()) };
    } catch (error) {
      throw engineError(error, this.#socketPath);
    }
  }

  #refused(why: string): NexusError {
    return new NexusError('invalid', `The Docker Engine at ${this.#socketPath} cannot be used: ${why}`, {
      details: { failure: 'refused' },
    });
  }
}
