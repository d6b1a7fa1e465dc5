/** The OpenAPI 3.1 description, made from the routes themselves. */
import * as z from 'zod';
import { assertNever } from '../domain/errors.ts';
import { NEXUS_VERSION } from '../domain/version.ts';
import { problemSchema } from '../wire/problem.ts';
import type { Route } from './route.ts';

function jsonSchema(schema: z.core.$ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

/** For HTTP authentication, OpenAPI 3.1 names roles where OAuth has scopes. */
function securityOf(route: Route): Array<Record<string, string[]>> {
  switch (route.access) {
    case 'public':
      return [];
    case 'agent':
      return [{ agentToken: [] }];
    case 'operator':
      return [{ adminToken: [route.scope] }];
    case 'anyone known':
      return [{ agentToken: [] }, { adminToken: ['read'] }];
    default:
      return assertNever(route);
  }
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: unknown;
}

/** As what they are read: `limit` is a number, though it travels as text. */
function queryParameters(schema: z.ZodObject | undefined): Parameter[] {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: 'query',
    required: !field.safeParse(undefined).success,
    schema: jsonSchema(field, 'output'),
  }));
}

function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/:([A-Za-z]+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function describeRoute(route: Route): Record<string, unknown> {
  const parameters = [...pathParameters(route.path), ...queryParameters(route.querySchema)];
  const answer: Record<string, unknown> = { description: route.summary };
  if (route.answerSchema !== undefined) {
    answer['content'] = { 'application/json': { schema: jsonSchema(route.answerSchema, 'output') } };
  }
  const described: Record<string, unknown> = {
    summary: route.summary,
    security: securityOf(route),
    parameters,
    responses: { [route.status]: answer, default: { $ref: '#/components/responses/Problem' } },
  };
  if (route.requestSchema !== undefined) {
    const schema = jsonSchema(route.requestSchema, 'input');
    const required = !route.requestSchema.safeParse({}).success;
    described['requestBody'] = { required, content: { 'application/json': { schema } } };
  }
  return described;
}

export function describeApi(routes: readonly Route[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Nexus', version: NEXUS_VERSION },
    paths,
    components: {
      securitySchemes: {
        agentToken: { type: 'http', scheme: 'bearer', description: 'A token of one host.' },
        adminToken: { type: 'http', scheme: 'bearer', description: 'An operator; not needed on the Unix socket.' },
      },
      responses: {
        Problem: {
          description: 'RFC 9457 problem details.',
          content: { 'application/problem+json': { schema: jsonSchema(problemSchema, 'output') } },
        },
      },
    },
  };
}
