import { type ErrorCode, NexusError } from '../domain/errors.ts';
import { parseWith, problemSchema } from '../wire/problem.ts';
import type { Endpoint } from './api-target.ts';

/** An answer whose status is not 2xx, as it was received. */
export interface RefusedAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterSeconds: number | null;
  readonly location: string | null;
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return 'invalid';
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'not_found';
    case 409:
      return 'conflict';
    case 429:
    case 503:
      return 'overloaded';
    default:
      return 'internal';
  }
}

function sentenceWithoutDetail(endpoint: Endpoint, call: string, answer: RefusedAnswer): string {
  if (answer.status === 401) {
    return endpoint.token === null
      ? `${endpoint.label} requires an admin token: create one with 'nexus token create --admin' on the server, and put it into NEXUS_ADMIN_TOKEN.`
      : `${endpoint.label} does not accept the token in NEXUS_ADMIN_TOKEN: it is unknown, revoked or expired, or it is not an admin token. Create another with 'nexus token create --admin' on the server.`;
  }
  if (answer.status >= 300 && answer.status < 400) {
    const towards = answer.location === null ? '' : ` to ${answer.location}`;
    return `${endpoint.label} redirects${towards}, but a token is never sent on to another address: use the final address as --url.`;
  }
  if (codeOf(answer.status) === 'overloaded') {
    return `${endpoint.label} is overloaded or not ready (${answer.status}). Nothing was done: try again in ${answer.retryAfterSeconds ?? 1} s.`;
  }
  return `${endpoint.label} answered ${call} with ${answer.status} and no explanation. Check that --url leads to nexus serve, then read the server's log.`;
}

/** The API's problem document (RFC 9457) as an operational failure; its extra members become `details`. */
export function refusal(endpoint: Endpoint, call: string, answer: RefusedAnswer): NexusError {
  const parsed = parseWith(problemSchema, answer.body);
  const problem = parsed.ok ? parsed.value : undefined;
  const { type: _type, title, status: _status, detail, ...extra } = problem ?? {};
  const message =
    detail ?? (answer.status === 401 ? undefined : title) ?? sentenceWithoutDetail(endpoint, call, answer);
  return new NexusError(codeOf(answer.status), message, {
    details: {
      ...extra,
      status: answer.status,
      ...(answer.retryAfterSeconds === null ? {} : { retry_after_seconds: answer.retryAfterSeconds }),
    },
  });
}
