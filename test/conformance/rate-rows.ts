/** Sixty requests in sixty seconds on one token. */
import assert from 'node:assert/strict';
import type { Reply } from '../http/http-client.ts';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { NOON } from './appliance-under-test.ts';
import { agentHeaders, type Given, post, postBatch, type Row } from './row.ts';

const LIMIT = 60;

/** Posts `count` different ticks, as old as a minute and more. */
async function postTicks(given: Given, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const recordedAt = new Date(Date.UTC(2026, 2, 1, 11, 30, 0) + index * 1000).toISOString();
    const reply = await post(bareTick(recordedAt))(given);
    assert.equal(reply.status, 204);
  }
}

/** Sends when the server's clock shows `time`, and sets it back. */
async function at(time: string, { server }: Given, send: () => Promise<Reply>): Promise<Reply> {
  server.clock.set(time);
  const reply = await send();
  server.clock.set(NOON);
  return reply;
}

function afterSixty(name: string, send: Row['send'], status: number, stored: number): Row {
  return { name, given: (given) => postTicks(given, LIMIT), send, status, stored };
}

const retryAfter =
  (seconds: string): NonNullable<Row['expect']> =>
  ({ reply }) =>
    assert.equal(reply.headers['retry-after'], seconds);

export const RATE_ROWS: readonly Row[] = [
  {
    name: 'the 60th request of a minute is taken',
    given: (given) => postTicks(given, LIMIT - 1),
    send: post(telemetryBody()),
    status: 204,
    stored: 1,
  },
  {
    ...afterSixty('the 61st request of a minute is refused for a minute', post(telemetryBody()), 429, 0),
    expect: retryAfter('60'),
  },
  afterSixty('a batch counts as a request as well', postBatch([telemetryBody()]), 429, 0),
  {
    ...afterSixty(
      'after 59 s the window is still closed for one second more',
      (given) => at('2026-03-01T12:00:59Z', given, () => post(telemetryBody())(given)),
      429,
      0,
    ),
    expect: retryAfter('1'),
  },
  afterSixty(
    'after 60 s the window is open again',
    (given) => at('2026-03-01T12:01:00Z', given, () => post(telemetryBody())(given)),
    204,
    1,
  ),
  {
    name: 'the window opens as the first of its requests grows old, not all at once',
    async given(given) {
      await postTicks(given, 1);
      given.server.clock.set('2026-03-01T12:00:30Z');
      for (let index = 1; index < LIMIT; index += 1) assert.equal((await post(telemetryBody())(given)).status, 204);
      given.server.clock.set('2026-03-01T12:01:00Z');
      assert.equal((await post(telemetryBody())(given)).status, 204);
    },
    async send(given) {
      const reply = await post(bareTick('2026-03-01T12:00:01Z'))(given);
      given.server.clock.set(NOON);
      return reply;
    },
    status: 429,
    stored: 0,
    expect: retryAfter('30'),
  },
  {
    name: 'refused requests do not prolong the wait',
    async given(given) {
      await postTicks(given, LIMIT);
      for (let index = 0; index < 20; index += 1) assert.equal((await post(telemetryBody())(given)).status, 429);
    },
    send: (given) => at('2026-03-01T12:01:00Z', given, () => post(telemetryBody())(given)),
    status: 204,
    stored: 1,
  },
  {
    name: 'requests that break a rule count',
    async given(given) {
      for (let index = 0; index < LIMIT; index += 1) assert.equal((await post('{}')(given)).status, 422);
    },
    send: post(telemetryBody()),
    status: 429,
    stored: 0,
  },
  {
    name: 'requests of nobody count for nobody',
    async given(given) {
      for (let index = 0; index < LIMIT + 1; index += 1) {
        const reply = await post(telemetryBody(), { headers: { authorization: 'Bearer nobody' } })(given);
        assert.equal(reply.status, 401);
      }
    },
    send: post(telemetryBody()),
    status: 204,
    stored: 1,
  },
  afterSixty(
    'the rate comes before the type of the body',
    post('tick', { headers: { 'content-type': 'text/plain' } }),
    429,
    0,
  ),
  afterSixty('the rate comes before the size of the body', post(' '.repeat(3_000_000)), 429, 0),
  afterSixty('the rate comes before the rules of the body', post('{}'), 429, 0),
  afterSixty(
    'identity comes before the rate',
    post(telemetryBody(), { headers: { authorization: 'Bearer nobody' } }),
    401,
    0,
  ),
  {
    name: 'every token of a host has a minute of its own',
    given: (given) => postTicks(given, LIMIT),
    async send({ server, host }) {
      const spare = await server.operator.createToken(host.name, { name: 'spare' });
      const headers = agentHeaders(spare.token);
      const body = JSON.stringify(telemetryBody());
      return server.agents.send({ method: 'POST', path: '/agent/telemetry', headers, body });
    },
    status: 204,
    stored: 1,
  },
];
