import type { Commands, TelemetryIntake } from '../domain/ports.ts';
import type { Runtime } from '../domain/runtime.ts';
import type { AgentIdentity } from '../domain/token.ts';
import { JSON_LIMITS } from '../wire/json-text.ts';
import {
  checkClock,
  parseTelemetry,
  parseTelemetryBatch,
  telemetryBatchSchema,
  telemetrySchema,
} from '../wire/telemetry.ts';
import { Admission } from './admission.ts';
import { type Answer, NO_CONTENT } from './answer.ts';
import type { BodyKind } from './body-budget.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';
import { parseJson, readBytes, requireValid } from './read-body.ts';
import { Refusal } from './refusal.ts';
import type { Exchange, Route } from './route.ts';

/** The rates at which agents may send. */
export interface AgentRates {
  /** Of everything. */
  readonly all: RateLimit;
  /** Of ticks beyond that, from a host with a stack in its soak: the gate is blind without them. */
  readonly soak: RateLimit;
  readonly hasSoak: (hostId: number) => boolean;
}

/** Checked before the body is looked at: identity, then whether there is room, then rate, then type and size, then shape, then clock. */
function requireRate(rates: AgentRates, exchange: Exchange, { tokenId, hostId }: AgentIdentity, kind: BodyKind): void {
  const retryAfterSeconds = rates.all.take(tokenId, exchange.monotonicMs);
  if (retryAfterSeconds === 0) return;
  const isSample = kind === 'telemetry' && rates.hasSoak(hostId);
  if (isSample && rates.soak.take(tokenId, exchange.monotonicMs) === 0) return;
  throw new Refusal(
    problem(429, 'too many requests with this token', {}, { 'retry-after': String(retryAfterSeconds) }),
  );
}

export function telemetryRoutes(
  commands: Commands,
  telemetry: TelemetryIntake,
  rates: AgentRates,
  runtime: Runtime,
): Route[] {
  const gate = new Admission(runtime);
  async function receive(
    exchange: Exchange,
    identity: AgentIdentity,
    kind: BodyKind,
    store: (body: Buffer) => Promise<unknown>,
  ): Promise<Answer> {
    if (gate.isFull) await gate.wait(exchange.request);
    requireRate(rates, exchange, identity, kind);
    const limitBytes = kind === 'batch' ? HTTP_LIMITS.batchBodyBytes : HTTP_LIMITS.telemetryBodyBytes;
    const body = await readBytes(exchange, limitBytes, kind);
    await gate.pass(body.length, () => store(body));
    return NO_CONTENT;
  }
  function takeTick(exchange: Exchange, identity: AgentIdentity): Promise<Answer> {
    const { nowMs } = exchange;
    return receive(exchange, identity, 'telemetry', async (body) => {
      const plain = await telemetry.read(body);
      const tick =
        plain === null
          ? telemetry.pack(requireValid(parseTelemetry(parseJson(body), nowMs)))
          : requireValid(checkClock(plain, nowMs));
      await commands.submit({ kind: 'report_tick', identity, tick, nowMs });
    });
  }
  function takeBatch(exchange: Exchange, identity: AgentIdentity): Promise<Answer> {
    const { nowMs } = exchange;
    return receive(exchange, identity, 'batch', async (body) => {
      const ticks = requireValid(parseTelemetryBatch(parseJson(body, JSON_LIMITS.partsOfBatch), nowMs));
      await commands.submit({ kind: 'back_fill', identity, ticks, nowMs });
    });
  }
  return [
    {
      method: 'POST',
      path: '/agent/telemetry',
      access: 'agent',
      summary: 'Take one tick: 204 once it is committed and synced.',
      requestSchema: telemetrySchema,
      status: 204,
      handle: takeTick,
    },
    {
      method: 'POST',
      path: '/agent/telemetry/batch',
      access: 'agent',
      summary: 'Take up to 100 kept ticks, oldest first, all or none.',
      requestSchema: telemetryBatchSchema,
      status: 204,
      handle: takeBatch,
    },
  ];
}
