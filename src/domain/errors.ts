/**
 * The one operational failure. `code` is for machines: it becomes an HTTP status in `src/http` and an exit code in
 * `src/cli`, in one place each. `message` is a sentence for a person: what happened, why, and what to do next.
 */
export const ERROR_CODES = [
  /** The request or the input breaks a rule. */
  'invalid',
  /** No valid identity was presented. */
  'unauthorized',
  /** The identity is valid, but may not do this. */
  'forbidden',
  'not_found',
  /** The current state refuses the request. */
  'conflict',
  /** A bounded queue is full, or the server is starting or stopping: nothing was taken, try again. */
  'overloaded',
  /** The database cannot be read or written now: nothing was taken, try again. */
  'store_unavailable',
  /** This executable must not touch this data directory. */
  'store_refused',
  /** The peer could not be reached. */
  'unreachable',
  /** Wrong usage or missing configuration. */
  'usage',
  /** A defect in Nexus itself. */
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export class NexusError extends Error {
  readonly code: ErrorCode;
  /** Facts that belong into the answer beside the sentence, e.g. `current_state`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'NexusError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Stops on a bug: a state that correct code cannot reach. Never used on outside input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Makes a `switch` over a tagged union exhaustive at compile time. */
export function assertNever(value: never): never {
  throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown, for logs and sentences. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
