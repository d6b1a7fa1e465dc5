import * as z from 'zod';
import { parseJson } from '../read-json.ts';
import { parseRetryAfterMs } from '../server/judge-answer.ts';
import type { ServerReply } from '../server/transport.ts';

/** What the server's reply means for the event that was sent. */
export type ReportVerdict =
  /** Applied and committed, now or before. */
  | { readonly kind: 'applied' }
  /** The host is still soaking by the server's state: `converged` comes too early. */
  | { readonly kind: 'too_early'; readonly reason: string }
  /** The server will never take it. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  /** The server knows this host by another name. */
  | { readonly kind: 'misnamed' }
  | { readonly kind: 'unauthorized' }
  /** Send it again, after `waitMs` when the server says so. `answered`: the server could be reached. */
  | { readonly kind: 'again'; readonly answered: boolean; readonly waitMs: number | null; readonly reason: string };

const problemSchema = z.object({ current_state: z.string().nullish(), detail: z.string().nullish() });

export function judgeReport(reply: ServerReply, eventType: string, nowMs: number): ReportVerdict {
  if (reply.kind === 'silence') return { kind: 'again', answered: false, waitMs: null, reason: reply.reason };
  const { status } = reply;
  const text = reply.body.toString();
  const problem = problemSchema.safeParse(parseJson(text)).data;
  const reason = problem?.detail ?? (text.trim().slice(0, 200) || `the server answers ${status}`);
  if (status >= 200 && status < 300) return { kind: 'applied' };
  switch (status) {
    case 401:
      return { kind: 'unauthorized' };
    case 403:
      return { kind: 'misnamed' };
    case 409:
      return eventType === 'converged' && problem?.current_state === 'soaking'
        ? { kind: 'too_early', reason }
        : { kind: 'refused', status, reason };
    case 400:
    case 404:
    case 413:
    case 415:
    case 422:
      return { kind: 'refused', status, reason };
    default:
      return { kind: 'again', answered: true, waitMs: parseRetryAfterMs(reply.retryAfter, nowMs), reason };
  }
}
