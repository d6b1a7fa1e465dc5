import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetServer } from './fleet-server.ts';

interface Operation {
  readonly summary: string;
  readonly security: unknown[];
  readonly parameters: Array<{ name: string; in: string; required: boolean; schema: Record<string, unknown> }>;
  readonly requestBody?: { required: boolean; content: Record<string, { schema: unknown }> };
  readonly responses: Record<string, unknown>;
}

interface Description {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, unknown>>;
}

async function readDescription(t: Parameters<typeof FleetServer.start>[0]): Promise<Description> {
  const server = await FleetServer.start(t);
  return JSON.parse((await server.operator.send('GET', '/openapi.json')).body) as Description;
}

test('the description names every route of telemetry, hosts, tokens, history and operation', async (t) => {
  const { openapi, info, paths } = await readDescription(t);
  assert.equal(openapi, '3.1.0');
  assert.equal(info.title, 'Nexus');
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  const expected = [
    'post /agent/telemetry',
    'post /agent/telemetry/batch',
    'post /v1/hosts',
    'get /v1/hosts',
    'get /v1/hosts/{name}',
    'patch /v1/hosts/{name}',
    'delete /v1/hosts/{name}',
    'post /v1/hosts/{name}/tokens',
    'get /v1/hosts/{name}/tokens',
    'post /v1/tokens',
    'get /v1/tokens',
    'post /v1/tokens/{id}/rotate',
    'delete /v1/tokens/{id}',
    'get /v1/hosts/{name}/containers',
    'get /v1/hosts/{name}/metrics',
    'get /v1/hosts/{name}/containers/{containerId}/metrics',
    'get /v1/events',
    'get /healthz',
    'get /readyz',
    'get /metrics',
    'get /openapi.json',
  ];
  assert.deepEqual(
    expected.filter((operation) => !described.includes(operation)),
    [],
  );
});

test('every operation says what it does, who may ask, what it takes from its path and what it answers', async (t) => {
  const { paths, components } = await readDescription(t);
  for (const [path, operations] of Object.entries(paths)) {
    const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    for (const [method, operation] of Object.entries(operations)) {
      const where = `${method} ${path}`;
      assert.match(operation.summary, /\.$/, where);
      assert.deepEqual(
        operation.parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name),
        names,
        where,
      );
      assert(
        operation.parameters.every((parameter) => parameter.in !== 'path' || parameter.required),
        where,
      );
      assert(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        where,
      );
      assert.deepEqual(operation.responses['default'], { $ref: '#/components/responses/Problem' }, where);
      for (const scheme of operation.security.flatMap((entry) => Object.keys(entry as object))) {
        assert(scheme in (components['securitySchemes'] ?? {}), where);
      }
    }
  }
});

test('every reference of the description leads somewhere', async (t) => {
  const description = await readDescription(t);
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target ?? '');
  assert.notEqual(references.length, 0);
  for (const reference of new Set(references)) {
    assert(reference.startsWith('#/'), reference);
    let found: unknown = description;
    for (const key of reference.slice(2).split('/')) found = (found as Record<string, unknown> | undefined)?.[key];
    assert.notEqual(found, undefined, reference);
  }
});

test('the body of a tick is described with its limits', async (t) => {
  const { paths } = await readDescription(t);
  const body = paths['/agent/telemetry']?.['post']?.requestBody;
  assert.equal(body?.required, true);
  const text = JSON.stringify(body?.content['application/json']?.schema);
  assert.match(text, /"cpu_percent":\{"anyOf":\[\{"type":"number","minimum":0,"maximum":100\}/);
  assert.match(text, /"container_id":\{"type":"string","minLength":1,"maxLength":80\}/);
  assert.match(text, /"maxItems":500/);
  assert.match(text, /"ports":\{"anyOf":\[\{"type":"array","items":\{"type":"string"\}\}/);
  assert.equal(paths['/v1/hosts/{name}/tokens']?.['post']?.requestBody?.required, false);
});

function queryOf(description: Description, path: string): Record<string, Record<string, unknown>> {
  const parameters = description.paths[path]?.['get']?.parameters ?? [];
  assert(parameters.every((parameter) => parameter.in === 'path' || !parameter.required));
  return Object.fromEntries(
    parameters.filter((parameter) => parameter.in === 'query').map(({ name, schema }) => [name, schema]),
  );
}

test('what a query may hold is described with its limits', async (t) => {
  const description = await readDescription(t);
  const history = queryOf(description, '/v1/hosts/{name}/metrics');
  assert.deepEqual(Object.keys(history), ['from', 'to', 'step_seconds', 'spread']);
  const { description: text, ...step } = history['step_seconds'] ?? {};
  assert.deepEqual(step, { type: 'integer', minimum: 1, maximum: 31_536_000 });
  assert.match(String(text), /every sample/);
  assert.deepEqual(history['spread']?.['enum'], ['true', 'false']);
  assert.deepEqual(queryOf(description, '/v1/hosts/{name}/containers/{containerId}/metrics'), history);
  assert.deepEqual(queryOf(description, '/v1/hosts')['limit'], {
    type: 'integer',
    minimum: 1,
    maximum: 10_000,
    default: 1_000,
  });
  assert.deepEqual(Object.keys(queryOf(description, '/v1/events')), ['after', 'limit', 'host']);
  assert.deepEqual(queryOf(description, '/v1/hosts/{name}'), {});
});

test('every list says that it comes in pages, and every number of a query that is described is read', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const { paths } = JSON.parse((await server.operator.send('GET', '/openapi.json')).body) as Description;
  let numbers = 0;
  for (const [path, { get }] of Object.entries(paths)) {
    if (get === undefined) continue;
    const query = get.parameters.filter((parameter) => parameter.in === 'query');
    const names = query.map((parameter) => parameter.name);
    if (JSON.stringify(get.responses).includes('"next_cursor"')) assert.deepEqual(names, ['limit', 'cursor'], path);
    // An agent's token, and a rollout that exists, are another matter.
    if (path.startsWith('/v1/agent/') || path.includes('{id}')) continue;
    for (const { name, schema } of query) {
      if (schema['type'] !== 'integer') continue;
      numbers += 1;
      const asked = path.replace('{name}', 'web-1').replace('{containerId}', 'none');
      const reply = await server.operator.send('GET', `${asked}?${name}=many`);
      assert.equal(reply.status, 422, `${asked}?${name}=many`);
    }
  }
  assert.ok(numbers > 8, `${numbers} numbers`);
});
