import { arrayAt, asObject, parseJson, textAt } from '../read-json.ts';
import type { ServerReply } from './transport.ts';

/** What the server's reply means for what was sent. */
export type AnswerVerdict =
  /** Stored durably. */
  | { readonly kind: 'delivered' }
  /** The server will never take it; `reasons` are its own words. */
  | { readonly kind: 'refused'; readonly status: number; readonly reasons: readonly string[] }
  /** Keep it; send nothing for `waitMs`. */
  | { readonly kind: 'wait'; readonly status: number; readonly waitMs: number }
  /** Keep it and try again: there was no answer, or one that says nothing about what was sent. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The server does not accept the token. */
  | { readonly kind: 'unauthorized' };

const MAX_RETRY_AFTER_MS = 3_600_000;
const MAX_REASONS = 5;

/** RFC 9110 `Retry-After`: seconds, or a date. Null when it is neither; never more than an hour. */
export function parseRetryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const text = value.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, waitMs));
}

/** The broken rules of an RFC 9457 problem (`errors: [{path, message}]`), or its detail, or the start of the text. */
function readReasons(body: Buffer): string[] {
  const text = body.toString();
  const problem = asObject(parseJson(text));
  const errors = arrayAt(problem, 'errors')
    .map(asObject)
    .map((error) => [textAt(error, 'path'), textAt(error, 'message')].filter((part) => part !== null).join(' '))
    .filter((reason) => reason !== '');
  if (errors.length > 0) return errors.slice(0, MAX_REASONS);
  const said = textAt(problem, 'detail') ?? textAt(problem, 'title') ?? text.trim().slice(0, 200);
  return said === '' ? [] : [said];
}

/** `defaultWaitMs`: how long to wait after a 429 or 503 without a `Retry-After`. */
export function judgeAnswer(reply: ServerReply, nowMs: number, defaultWaitMs: number): AnswerVerdict {
  if (reply.kind === 'silence') return { kind: 'failed', reason: reply.reason };
  const { status } = reply;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  switch (status) {
    case 401:
      return { kind: 'unauthorized' };
    case 400:
    case 413:
    case 422:
      return { kind: 'refused', status, reasons: readReasons(reply.body) };
    case 429:
    case 503:
      return { kind: 'wait', status, waitMs: parseRetryAfterMs(reply.retryAfter, nowMs) ?? defaultWaitMs };
    case 404:
      return { kind: 'failed', reason: 'the server answers 404: is NEXUS_URL the address of a Nexus server?' };
    default:
      return { kind: 'failed', reason: [`the server answers ${status}`, ...readReasons(reply.body)].join(': ') };
  }
}
