import type { Commands } from '../domain/ports.ts';
import type { AgentIdentity } from '../domain/token.ts';
import { parseTelemetry, parseTelemetryBatch, telemetryBatchSchema, telemetrySchema } from '../wire/telemetry.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';
import { Refusal, readJson, requireValid } from './read-body.ts';
import { type Exchange, NO_CONTENT, type Route } from './route.ts';

/** Checked before the body is looked at: identity, then rate, then type and size, then shape, then clock. */
function requireRate(rateLimit: RateLimit, exchange: Exchange, identity: AgentIdentity): void {
  const retryAfterSeconds = rateLimit.take(identity.tokenId, exchange.nowMs);
  if (retryAfterSeconds === 0) return;
  throw new Refusal(
    problem(429, 'too many requests with this token', {}, { 'retry-after': String(retryAfterSeconds) }),
  );
}

export function telemetryRoutes(commands: Commands, rateLimit: RateLimit): Route[] {
  return [
    {
      method: 'POST',
      path: '/agent/telemetry',
      access: 'agent',
      summary: 'Take one tick: 204 once it is committed and synced.',
      requestSchema: telemetrySchema,
      status: 204,
      async handle(exchange, identity) {
        requireRate(rateLimit, exchange, identity);
        const body = await readJson(exchange, HTTP_LIMITS.telemetryBodyBytes);
        const tick = requireValid(parseTelemetry(body, exchange.nowMs));
        await commands.submit({ kind: 'report_tick', identity, tick, nowMs: exchange.nowMs });
        return NO_CONTENT;
      },
    },
    {
      method: 'POST',
      path: '/agent/telemetry/batch',
      access: 'agent',
      summary: 'Take up to 100 kept ticks, oldest first, all or none.',
      requestSchema: telemetryBatchSchema,
      status: 204,
      async handle(exchange, identity) {
        requireRate(rateLimit, exchange, identity);
        const body = await readJson(exchange, HTTP_LIMITS.batchBodyBytes);
        const ticks = requireValid(parseTelemetryBatch(body, exchange.nowMs));
        await commands.submit({ kind: 'back_fill', identity, ticks, nowMs: exchange.nowMs });
        return NO_CONTENT;
      },
    },
  ];
}
