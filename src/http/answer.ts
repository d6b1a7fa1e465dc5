/** What a route comes to, before it is written to a connection. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Instead of a body: its text, made piece by piece as fast as it is read, after the head is sent. */
  readonly pieces?: Iterable<string> | AsyncIterable<string>;
}

export function json(status: number, body: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

export const NO_CONTENT: Answer = { status: 204 };
