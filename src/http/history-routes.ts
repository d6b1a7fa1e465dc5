import { type HistoryRequest, MAX_HISTORY_POINTS } from '../domain/history-query.ts';
import { formatInstant, parseInstant } from '../domain/instant.ts';
import type { FleetQueries } from '../domain/ports.ts';
import {
  containerHistoryBodySchema,
  containerListBodySchema,
  eventQuerySchema,
  historyQuerySchema,
  hostHistoryBodySchema,
  listQuerySchema,
  logEventListBodySchema,
} from '../wire/operator.ts';
import { json } from './answer.ts';
import { jsonList } from './json-list.ts';
import { presentContainer, presentContainerMetrics, presentEvent } from './present.ts';
import { invalidField, readQuery } from './read-body.ts';
import type { Exchange, Route } from './route.ts';

/** What is shown when `from` is not given. */
const DEFAULT_SPAN_MS = 3_600_000;

function readTime(text: string | undefined, name: string, fallbackMs: number): number {
  if (text === undefined) return fallbackMs;
  const ms = parseInstant(text);
  if (ms !== undefined) return ms;
  return invalidField(name, 'must be an ISO 8601 time with a zone, e.g. 2026-01-31T12:00:00Z');
}

function readSpan(exchange: Exchange): { request: HistoryRequest; stepSeconds: number | null } {
  const query = readQuery(exchange, historyQuerySchema);
  const toMs = readTime(query.to, 'to', exchange.nowMs);
  const fromMs = readTime(query.from, 'from', toMs - DEFAULT_SPAN_MS);
  if (fromMs > toMs) invalidField('from', 'must not be later than to');
  const stepSeconds = query.step_seconds ?? null;
  const stepMs = stepSeconds === null ? null : stepSeconds * 1000;
  const withSpread = query.spread === 'true' && stepMs !== null;
  return { request: { fromMs, toMs, stepMs, withSpread, maxPoints: MAX_HISTORY_POINTS }, stepSeconds };
}

function readCursor(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const number = Number(cursor);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  return invalidField('cursor', 'must be the next_cursor of the page before');
}

export function historyRoutes(queries: FleetQueries): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/hosts/:name/containers',
      access: 'operator',
      scope: 'read',
      summary: 'List the containers of a host, removed ones too, with their latest values.',
      querySchema: listQuerySchema,
      answerSchema: containerListBodySchema,
      status: 200,
      async handle(exchange) {
        const query = readQuery(exchange, listQuerySchema);
        const page = { after: readCursor(query.cursor), limit: query.limit };
        const containers = await queries.containers(exchange.params['name'] ?? '', page);
        const last = containers.length === query.limit ? containers.at(-1) : undefined;
        const cursor = last === undefined ? null : String(last.number);
        return json(200, { containers: containers.map(presentContainer), next_cursor: cursor });
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts/:name/metrics',
      access: 'operator',
      scope: 'read',
      summary:
        'History of a host; raw samples without step_seconds, the last hour without from. `tier` says how finely it was kept.',
      querySchema: historyQuerySchema,
      answerSchema: hostHistoryBodySchema,
      status: 200,
      async handle(exchange) {
        const { request, stepSeconds } = readSpan(exchange);
        const { tier, points } = await queries.hostHistory(exchange.params['name'] ?? '', request);
        return jsonList({ step_seconds: stepSeconds, tier }, 'points', points, (point) => ({
          recorded_at: formatInstant(point.recordedAtMs),
          ...point.metrics,
          ...point.spread,
        }));
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts/:name/containers/:containerId/metrics',
      access: 'operator',
      scope: 'read',
      summary: 'History of one container.',
      querySchema: historyQuerySchema,
      answerSchema: containerHistoryBodySchema,
      status: 200,
      async handle(exchange) {
        const { request, stepSeconds } = readSpan(exchange);
        const { name = '', containerId = '' } = exchange.params;
        const { tier, points } = await queries.containerHistory(name, containerId, request);
        return jsonList({ step_seconds: stepSeconds, tier }, 'points', points, (point) => ({
          recorded_at: formatInstant(point.recordedAtMs),
          ...presentContainerMetrics(point.metrics),
          ...point.spread,
        }));
      },
    },
    {
      method: 'GET',
      path: '/v1/events',
      access: 'operator',
      scope: 'read',
      summary: 'The event log in order, after an id.',
      querySchema: eventQuerySchema,
      answerSchema: logEventListBodySchema,
      status: 200,
      async handle(exchange) {
        const query = readQuery(exchange, eventQuerySchema);
        const events = await queries.events(query.after, query.limit, { host: query.host ?? null });
        return json(200, { events: events.map(presentEvent), next: events.at(-1)?.id ?? query.after });
      },
    },
  ];
}
