/** Batches: one to a hundred ticks, oldest first, up to seven days old, all or none. */
import assert from 'node:assert/strict';
import { bareTick, containerBody, type JsonObject, telemetryBody } from '../wire/telemetry-body.ts';
import { BATCH, errorPaths, type Outcome, post, postBatch, type Row, TELEMETRY } from './row.ts';

/** Ticks of the morning, ten seconds apart, from half past ten on. */
function ticksFrom(count: number): JsonObject[] {
  const startMs = Date.UTC(2026, 2, 1, 10, 30);
  return Array.from({ length: count }, (_, index) => bareTick(new Date(startMs + index * 10_000).toISOString()));
}

const NINE = '2026-03-01T09:00:00Z';
const TEN = '2026-03-01T10:00:00Z';
const ELEVEN = '2026-03-01T11:00:00Z';

function refused(name: string, ticks: unknown, paths: readonly string[]): Row {
  return {
    name,
    send: postBatch(ticks),
    status: 422,
    stored: 0,
    expect: ({ reply }: Outcome) => assert.deepEqual(errorPaths(reply), paths),
  };
}

function taken(name: string, ticks: unknown, stored: number): Row {
  return { name, send: postBatch(ticks), status: 204, stored };
}

export const BATCH_ROWS: readonly Row[] = [
  refused('a batch of 0 ticks is refused', [], ['ticks']),
  taken('a batch of 1 tick is stored', [bareTick(TEN)], 1),
  taken('a batch of 100 ticks is stored', ticksFrom(100), 100),
  refused('a batch of 101 ticks is refused', ticksFrom(101), ['ticks']),
  refused('a batch without ticks is refused', undefined, ['ticks']),
  refused('a batch whose ticks are null is refused', null, ['ticks']),
  refused('a batch whose ticks are an object is refused', { 0: bareTick(TEN) }, ['ticks']),
  refused(
    'a batch of things that are no ticks is refused',
    [null, 1, 'x', []],
    ['ticks.0', 'ticks.1', 'ticks.2', 'ticks.3'],
  ),
  {
    name: 'a bare tick is no batch',
    send: post(telemetryBody(), { path: BATCH }),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['ticks']),
  },
  {
    name: 'a bare list is no batch',
    send: post(JSON.stringify([telemetryBody()]), { path: BATCH }),
    status: 422,
    stored: 0,
  },
  {
    name: 'a batch is no tick',
    send: post({ ticks: [telemetryBody()] }, { path: TELEMETRY }),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['recorded_at', 'host']),
  },
  taken('a tick of a batch may be seven days old', [bareTick('2026-02-22T12:00:00Z')], 1),
  refused(
    'a tick of a batch may not be seven days and a second old',
    [bareTick('2026-02-22T11:59:59Z')],
    ['ticks.0.recorded_at'],
  ),
  taken('a tick of a batch may be 300 s ahead', [bareTick('2026-03-01T12:05:00Z')], 1),
  refused('a tick of a batch may not be 301 s ahead', [bareTick('2026-03-01T12:05:01Z')], ['ticks.0.recorded_at']),
  taken('ticks in order are stored', [bareTick(NINE), bareTick(TEN), bareTick(ELEVEN)], 3),
  refused(
    'a tick older than the one before it is refused with all the others',
    [bareTick(NINE), bareTick(ELEVEN), bareTick(TEN)],
    ['ticks.2.recorded_at'],
  ),
  taken('a tick that the batch holds twice is stored once', [bareTick(TEN), bareTick(TEN), bareTick(ELEVEN)], 2),
  refused(
    'one tick that breaks a rule spoils the batch',
    [bareTick(NINE), { recorded_at: TEN, host: { metrics: { cpu_percent: 101 } } }, bareTick(ELEVEN)],
    ['ticks.1.host.metrics.cpu_percent'],
  ),
  refused(
    'a last tick without a zone spoils the batch',
    [bareTick(NINE), bareTick(TEN), bareTick('2026-03-01T11:00:00')],
    ['ticks.2.recorded_at'],
  ),
  refused(
    'a tick of 501 containers spoils the batch',
    [
      bareTick(NINE, {
        containers: Array.from({ length: 501 }, (_, index) => containerBody({ container_id: `c${index}` })),
      }),
    ],
    ['ticks.0.containers'],
  ),
  {
    name: 'ticks that are stored already are skipped',
    given: (given) => postBatch([bareTick(NINE), bareTick(TEN)])(given),
    send: postBatch([bareTick(NINE), bareTick(TEN), bareTick(ELEVEN)]),
    status: 204,
    stored: 1,
  },
  {
    name: 'a batch of nothing but duplicates changes nothing',
    given: (given) => postBatch([bareTick(NINE), bareTick(TEN)])(given),
    send: postBatch([bareTick(NINE), bareTick(TEN)]),
    status: 204,
    stored: 0,
  },
  {
    name: 'a tick that was posted is skipped in a batch',
    given: (given) => post(telemetryBody())(given),
    send: postBatch([bareTick(ELEVEN), telemetryBody()]),
    status: 204,
    stored: 1,
  },
  {
    name: 'a tick that was posted already is taken again and stored once',
    given: (given) => post(telemetryBody())(given),
    send: post(telemetryBody()),
    status: 204,
    stored: 0,
  },
  {
    name: 'a tick of the same instant in another zone is the same tick',
    given: (given) => post(telemetryBody())(given),
    send: post(telemetryBody({ recorded_at: '2026-03-01T14:00:00+02:00' })),
    status: 204,
    stored: 0,
  },
  {
    name: 'a million things that are no ticks are refused at once',
    send: post(`{"ticks":[${'1,'.repeat(999_999)}1]}`, { path: BATCH }),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.deepEqual(errorPaths(reply), ['ticks']),
  },
  {
    name: 'a hundred ticks of five hundred wrong containers are answered with twenty errors',
    send: postBatch(
      Array.from({ length: 100 }, () => bareTick(TEN, { containers: Array.from({ length: 500 }, () => ({})) })),
    ),
    status: 422,
    stored: 0,
    expect: ({ reply }) => assert.equal(errorPaths(reply).length, 20),
  },
];
