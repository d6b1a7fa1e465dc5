/** RFC 9457 answers: the one place where an error's code becomes an HTTP status. */
import { STATUS_CODES } from 'node:http';
import type { ErrorCode, NexusError } from '../domain/errors.ts';
import type { Problem } from '../wire/problem.ts';
import type { Answer } from './answer.ts';

const STATUS_OF: Record<ErrorCode, number> = {
  invalid: 422,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  overloaded: 503,
  store_unavailable: 503,
  store_refused: 503,
  unreachable: 502,
  usage: 400,
  internal: 500,
};

/** Seconds after which a client may try again. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  overloaded: 1,
  store_unavailable: 5,
  store_refused: 30,
};

export function problem(
  status: number,
  detail: string,
  extra: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const body: Problem = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, ...extra };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: JSON.stringify(body),
  };
}

export function problemOf(error: NexusError): Answer {
  const retryAfter = RETRY_AFTER_SECONDS[error.code];
  const headers: Record<string, string> = {};
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  const { sqlite_code: _internal, ...details } = error.details;
  return problem(STATUS_OF[error.code], error.message, details, headers);
}
