import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import { NexusError } from '../../src/domain/errors.ts';
import { httpRequest } from '../http-request.ts';
import { parseJson } from '../read-json.ts';
import type { ContainerReading } from './container-reading.ts';
import type { ContainerView } from './container-view.ts';
import { engineError } from './explain-engine-failure.ts';
import { parseContainerInspection } from './parse-container-inspection.ts';
import { type ListedContainer, parseContainerList } from './parse-container-list.ts';
import { type EngineEvent, EVENT_FILTERS, parseEngineEvent } from './parse-engine-event.ts';
import { parseEngineStats } from './parse-engine-stats.ts';
import { chooseApiVersion, type EngineVersion, MIN_API_VERSION, parseEngineVersion } from './parse-engine-version.ts';
import { LineSplitter } from './split-lines.ts';

/** One answer of the engine takes at most this long. */
export const ENGINE_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 67_108_864;
const CONNECTIONS = 6;
/** The engine ignores the host of a request over its socket, but HTTP wants one. */
const ORIGIN = 'http://docker';

/**
 * The Docker Engine API over its Unix socket, read only. Every call ends within five seconds and throws a
 * {@link NexusError} with the failure in its details.
 */
export class EngineConnection {
  readonly #socketPath: string;
  readonly #pool: InstanceType<typeof Pool>;
  #prefix = '';

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
    this.#pool = new Pool(ORIGIN, {
      socketPath,
      connections: CONNECTIONS,
      connectTimeout: ENGINE_TIMEOUT_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /** Asks who is there and settles the API version of all further calls. */
  async negotiate(): Promise<EngineVersion> {
    const version = parseEngineVersion(await this.#get('/version'));
    if (version === null) throw this.#refused('its version cannot be read');
    const chosen = chooseApiVersion(version);
    if (chosen === null) {
      throw this.#refused(`it speaks API ${version.apiVersion}, and ${MIN_API_VERSION} (Docker 20.10) is needed`);
    }
    this.#prefix = `/v${chosen}`;
    return version;
  }

  /** All containers, stopped ones too. */
  async list(): Promise<ListedContainer[]> {
    const listed = parseContainerList(await this.#get(`${this.#prefix}/containers/json?all=true`));
    if (listed === null) throw this.#refused('its list of containers cannot be read');
    return listed;
  }

  /** One container, or null when it is gone. */
  async inspect(id: string): Promise<ContainerView | null> {
    const answer = await this.#get(`${this.#prefix}/containers/${encodeURIComponent(id)}/json`);
    return answer === null ? null : parseContainerInspection(answer);
  }

  /** One container's counters by the engine's own reading, or null when it is gone or does not run. */
  async stats(view: ContainerView): Promise<ContainerReading | null> {
    const path = `${this.#prefix}/containers/${encodeURIComponent(view.id)}/stats?stream=false&one-shot=true`;
    return parseEngineStats(await this.#get(path), view.sharesHostNetwork);
  }

  /**
   * Follows the engine's events until the stream ends or `signal` aborts. `onOpen` is called once the engine sends,
   * `onEvent` for everything that changes a container from then on.
   */
  async follow(onOpen: () => void, onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
    const client = new Client(ORIGIN, {
      socketPath: this.#socketPath,
      connectTimeout: ENGINE_TIMEOUT_MS,
      headersTimeout: ENGINE_TIMEOUT_MS,
      bodyTimeout: 0,
    });
    try {
      const path = `${this.#prefix}/events?filters=${encodeURIComponent(EVENT_FILTERS)}`;
      const { statusCode, body } = await httpRequest(client, { path, method: 'GET', signal });
      if (statusCode !== 200) throw this.#refused(`it answers ${statusCode} to ${path}`);
      onOpen();
      const splitter = new LineSplitter();
      for await (const piece of body) {
        for (const line of splitter.push(piece)) {
          const event = parseEngineEvent(line);
          if (event !== null) onEvent(event);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw engineError(error, this.#socketPath);
    } finally {
      await client.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  /** The JSON of a 200 answer; null for 404 and 409 (gone, or not running any more). */
  async #get(path: string): Promise<unknown> {
    try {
      const { statusCode, body } = await httpRequest(this.#pool, {
        path,
        method: 'GET',
        signal: AbortSignal.timeout(ENGINE_TIMEOUT_MS),
      });
      if (statusCode === 200) return parseJson(await body.text());
      await body.dump();
      if (statusCode === 404 || statusCode === 409) return null;
      throw this.#refused(`it answers ${statusCode} to ${path}`);
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
