import type { ServerReply, ServerTransport } from './transport.ts';

const RELEASE_TIMEOUT_MS = 60_000;

/** `GET /v1/releases/{digest}`: a release's manifest, within a minute and within `limitMs`. */
export function fetchRelease(
  server: Pick<ServerTransport, 'call'>,
  digest: string,
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal },
): Promise<ServerReply> {
  const path = `/v1/releases/${encodeURIComponent(digest)}`;
  return server.call({
    lane: 'rollouts',
    method: 'GET',
    path,
    timeoutMs: Math.min(limitMs, RELEASE_TIMEOUT_MS),
    signal,
  });
}
