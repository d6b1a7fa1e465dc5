import type { Readiness } from '../domain/ports.ts';
import { readyBodySchema } from '../wire/operator.ts';
import { json } from './answer.ts';
import type { HttpMetrics } from './http-metrics.ts';
import type { Route } from './route.ts';

export function operationsRoutes(readiness: Readiness, metrics: HttpMetrics): Route[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      access: 'public',
      summary: 'The process is alive.',
      status: 200,
      handle: () => json(200, { alive: true }),
    },
    {
      method: 'GET',
      path: '/readyz',
      access: 'public',
      summary: 'Commands are taken: the reducer is up and the store was writable when it was last used.',
      answerSchema: readyBodySchema,
      status: 200,
      handle() {
        const reason = readiness.unreadyReason();
        return json(reason === null ? 200 : 503, { ready: reason === null, reason });
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      access: 'operator',
      scope: 'metrics',
      summary: 'Prometheus text.',
      status: 200,
      async handle() {
        return { status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.render() };
      },
    },
  ];
}
