/** How the agent reaches its server, as a port: what is sent, and what comes back or fails to. */

/** Calls of different lanes never wait for each other's connections. */
export type Lane = 'telemetry' | 'poll' | 'rollouts';

export interface ServerCall {
  readonly lane: Lane;
  readonly method: 'GET' | 'POST';
  /** As the API names it, with its query; a path in the server's own address comes before it. */
  readonly path: string;
  /** JSON. */
  readonly body?: { readonly bytes: Uint8Array; readonly gzipped: boolean };
  /** From the first byte out to the last byte in. */
  readonly timeoutMs: number;
  /** Cuts the call off: it is answered with silence at once. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer, or why there is none; whether the server has acted on the call is not known then. */
export type ServerReply =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** `Retry-After`, as it was sent. */
      readonly retryAfter: string | null;
      readonly body: Buffer;
    }
  | { readonly kind: 'silence'; readonly reason: string };

export interface ServerTransport {
  /**
   * Never rejects. A call may reach the server twice, when a connection breaks under it: everything the agent sends is
   * taken only once.
   */
  call(call: ServerCall): Promise<ServerReply>;
  /** Ends the connections. No call is made from then on. */
  close(): void;
}
