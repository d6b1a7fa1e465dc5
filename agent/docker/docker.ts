import type { EngineVersion } from './parse-engine-version.ts';

export interface DockerRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query, without a version. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** From the first byte out to the last byte in; {@link ENGINE_TIMEOUT_MS} unless said otherwise. */
  readonly timeoutMs?: number;
}

export interface DockerReply {
  readonly status: number;
  readonly body: Buffer;
}

/** One answer of the engine usually takes at most this long. */
export const ENGINE_TIMEOUT_MS = 5_000;

/**
 * One Docker Engine's HTTP API, as a port. Everything throws a NexusError whose `details.failure` is an `EngineFailure`
 * when the engine does not answer.
 */
export interface Docker {
  /** Asks which engine it is, and settles the API version of all further calls; they do it themselves where needed. */
  negotiate(): Promise<EngineVersion>;
  /** Resolves with any answer below 500. */
  call(request: DockerRequest): Promise<DockerReply>;
  /**
   * Opens an answer without an end, such as the events; the pieces come as the engine sends them. Ends when the engine
   * closes it or `signal` aborts, and throws when it breaks off.
   */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** Ends the connections. */
  close(): void;
}
