/** What is wrong with a value is said in words for a person, never in those of the schema library. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from 'zod';
import * as agentEvent from '../../src/wire/agent-event.ts';
import * as budget from '../../src/wire/budget.ts';
import * as operator from '../../src/wire/operator.ts';
import * as problem from '../../src/wire/problem.ts';
import * as release from '../../src/wire/release.ts';
import * as rollout from '../../src/wire/rollout.ts';
import * as telemetry from '../../src/wire/telemetry.ts';
import { SENT_MANIFEST, SHOP_1_5 } from '../client/sample-rollouts.ts';
import { telemetryBody } from './telemetry-body.ts';

type Rule = [path: string, message: string];

function rulesOf(schema: z.ZodType, input: unknown): Rule[] {
  const parsed = problem.parseWith(schema, input);
  return parsed.ok ? [] : parsed.errors.map(({ path, message }) => [path, message]);
}

describe('an issue of the code', () => {
  const either = z.union([z.strictObject({ a: z.number() }), z.strictObject({ b: z.string() })]);
  const kinds = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('x'), size: z.int() }),
    z.object({ kind: z.literal('y') }),
  ]);
  const named = z.record(z.string().regex(/^[a-z]+$/, 'must be letters'), z.string());
  const rows: Array<[code: string, z.ZodType, input: unknown, Rule[]]> = [
    ['invalid_type', z.object({ a: z.string() }), {}, [['a', 'is missing']]],
    ['invalid_type', z.object({ a: z.string() }), { a: 1 }, [['a', 'must be a string']]],
    ['invalid_type', z.number(), 'x', [['', 'must be a number']]],
    ['invalid_type', z.number(), Number.NaN, [['', 'must be a finite number']]],
    ['invalid_type', z.number(), Number.POSITIVE_INFINITY, [['', 'must be a finite number']]],
    ['invalid_type', z.int(), 1.5, [['', 'must be a whole number']]],
    ['invalid_type', z.boolean(), 'yes', [['', 'must be true or false']]],
    ['invalid_type', z.array(z.string()), {}, [['', 'must be a list']]],
    ['invalid_type', z.object({}), [], [['', 'must be an object']]],
    ['invalid_type', z.record(z.string(), z.string()), null, [['', 'must be an object']]],
    ['invalid_type', z.date(), 'x', [['', 'must be of another type']]],
    ['invalid_value', z.literal('a'), 'b', [['', "must be 'a'"]]],
    ['invalid_value', z.enum(['a', 'b', 'c']), 'd', [['', "must be 'a', 'b' or 'c'"]]],
    ['invalid_value', z.object({ a: z.enum(['a', 'b']) }), {}, [['a', 'is missing']]],
    ['too_small', z.number().min(1), 0, [['', 'must be at least 1']]],
    ['too_small', z.number().gt(0), 0, [['', 'must be greater than 0']]],
    ['too_small', z.string().min(1), '', [['', 'must not be empty']]],
    ['too_small', z.string().min(3), 'a', [['', 'must have at least 3 characters']]],
    ['too_small', z.array(z.string()).min(1), [], [['', 'must not be empty']]],
    ['too_small', z.array(z.string()).min(2), [], [['', 'must have at least 2 entries']]],
    ['too_big', z.number().max(5), 6, [['', 'must be at most 5']]],
    ['too_big', z.number().lt(5), 5, [['', 'must be less than 5']]],
    ['too_big', z.int(), 2 ** 60, [['', 'must be at most 9007199254740991']]],
    ['too_big', z.string().max(1), 'ab', [['', 'must have at most 1 character']]],
    ['too_big', z.array(z.string()).max(2), ['a', 'b', 'c'], [['', 'must have at most 2 entries']]],
    ['invalid_format', z.url(), 'x', [['', 'must be a URL']]],
    ['invalid_format', z.string().startsWith('a'), 'b', [['', "must start with 'a'"]]],
    ['invalid_format', z.string().endsWith('a'), 'b', [['', "must end with 'a'"]]],
    ['invalid_format', z.string().includes('a'), 'b', [['', "must contain 'a'"]]],
    ['invalid_format', z.string().regex(/a/), 'b', [['', 'must be written in another form']]],
    ['not_multiple_of', z.number().multipleOf(5), 6, [['', 'must be a multiple of 5']]],
    ['unrecognized_keys', z.strictObject({}), { a: 1 }, [['', "has the unknown field 'a'"]]],
    ['unrecognized_keys', z.strictObject({}), { a: 1, b: 2 }, [['', "has the unknown fields 'a', 'b'"]]],
    ['invalid_union', either, {}, [['', "must have one of the fields 'a' or 'b'"]]],
    ['invalid_union', either, { a: 1, b: 'x' }, [['', "must have only one of the fields 'a' or 'b'"]]],
    ['invalid_union', z.object({ e: either }), { e: { a: 'x' } }, [['e.a', 'must be a number']]],
    ['invalid_union', either, 3, [['', 'must be an object']]],
    ['invalid_union', kinds, { kind: 'z' }, [['kind', "must be 'x' or 'y'"]]],
    ['invalid_union', kinds, { kind: 'x', size: 1.5 }, [['size', 'must be a whole number']]],
    [
      'invalid_key',
      z.object({ m: named }),
      { m: { A: 'x' } },
      [['m.A', 'is not a valid name here: it must be letters']],
    ],
    [
      'invalid_element',
      z.map(z.string(), z.array(z.int())),
      new Map([['a', [1.5]]]),
      [['a.0', 'must be a whole number']],
    ],
    ['custom', z.string().refine(() => false, 'must rhyme'), 'x', [['', 'must rhyme']]],
    ['custom', z.string().refine(() => false), 'x', [['', 'is not valid']]],
  ];
  for (const [code, schema, input, rules] of rows) {
    it(`${code}: ${rules.map((rule) => rule.join(' ')).join('; ')}`, () =>
      assert.deepEqual(rulesOf(schema, input), rules));
  }

  it('is reported up to twenty times', () => {
    const errors = rulesOf(
      z.array(z.string()),
      Array.from({ length: 1000 }, () => 1),
    );
    assert.equal(errors.length, 20);
  });
});

describe('a request that breaks a rule is told', () => {
  const manifest = (changes: Record<string, unknown>) => ({ ...SENT_MANIFEST, ...changes });
  const asked = (changes: Record<string, unknown>) => ({ release: SHOP_1_5, hosts: ['web-1'], ...changes });
  const rows: Array<[z.ZodType, input: unknown, Rule[]]> = [
    [
      operator.createHostSchema,
      { name: 'a', labels: { 'a b': 'x' } },
      [
        [
          'labels.a b',
          "is not a valid name here: it must be 1–63 letters, digits, '.', '_', '/' or '-', and start and end with a letter or digit",
        ],
      ],
    ],
    [operator.createHostSchema, { name: 'a', label: {} }, [['', "has the unknown field 'label'"]]],
    [operator.updateHostSchema, { offline_after_seconds: 1 }, [['offline_after_seconds', 'must be at least 10']]],
    [operator.listQuerySchema, { limit: '0' }, [['limit', 'must be at least 1']]],
    [operator.listQuerySchema, { limit: 'all' }, [['limit', 'must be a whole number']]],
    [operator.historyQuerySchema, { spread: 'yes' }, [['spread', "must be 'true' or 'false'"]]],
    [release.manifestSchema, manifest({ kind: 'x' }), [['kind', "must be 'nexus.release/1'"]]],
    [
      release.manifestSchema,
      manifest({ probes: [{ name: 'a', mode: 'enforce' }] }),
      [['probes.0', "must have one of the fields 'http', 'tcp' or 'exec'"]],
    ],
    [
      release.manifestSchema,
      manifest({ probes: [{ name: 'a', mode: 'enforce', http: { url: 'ftp://h' } }] }),
      [['probes.0.http.url', 'must be an http or https URL']],
    ],
    [
      release.manifestSchema,
      manifest({ files: { '../x': '' } }),
      [
        [
          'files.../x',
          "is not a valid name here: it must be a relative path: parts between '/', none of them empty, '.' or '..', and no ':' or backslash",
        ],
      ],
    ],
    [
      release.manifestSchema,
      manifest({ policy: { on_health_failure: 'explode' } }),
      [['policy.on_health_failure', "must be 'halt' or 'rollback-and-halt'"]],
    ],
    [
      rollout.createRolloutSchema,
      asked({ waves: [{}] }),
      [['waves.0', "must have one of the fields 'count', 'percent' or 'selector'"]],
    ],
    [rollout.createRolloutSchema, asked({ waves: [{ count: 0 }] }), [['waves.0.count', 'must be at least 1']]],
    [
      rollout.createRolloutSchema,
      asked({ waves: [{ count: 1, selector: { a: 'b' } }] }),
      [['waves.0', "must have only one of the fields 'count' or 'selector'"]],
    ],
    [
      rollout.createRolloutSchema,
      asked({ waves: [{ selector: { a: 'b' }, soak_seconds: -1 }] }),
      [['waves.0.soak_seconds', 'must be at least 0']],
    ],
    [rollout.createRolloutSchema, asked({ waves: [] }), [['waves', 'must not be empty']]],
    [
      rollout.createRolloutSchema,
      asked({ selector: { a: 'b' } }),
      [['hosts', "must be given when 'selector' is not, and left out when it is"]],
    ],
    [
      agentEvent.agentEventSchema,
      { hostname: 'a', rollout_id: 'ro_1', event: { type: 'dispatched', seq: 1 } },
      [
        [
          'event.type',
          "must be 'dispatch_ack', 'dispatch_refused', 'activation_started', 'activation_completed', 'activation_deferred', 'activation_failed', 'probe_topology_declared', 'probe_observed_first', 'probe_result', 'probe_failure_first', 'failed', 'rollback_completed', 'rollback_failed' or 'converged'",
        ],
      ],
    ],
    [budget.setBudgetSchema, { max_in_flight: 0 }, [['max_in_flight', 'must be at least 1']]],
    [
      budget.budgetPathSchema,
      'rack',
      [['label', "must be 1–63 letters, digits, '.', '_', '/' or '-', and start and end with a letter or digit"]],
    ],
    [telemetry.telemetryBatchSchema, { ticks: [] }, [['ticks', 'must not be empty']]],
  ];
  for (const [schema, input, rules] of rows) {
    it(rules.map((rule) => rule.join(' ')).join('; '), () => assert.deepEqual(rulesOf(schema, input), rules));
  }
});

/** Every value of `sample`, replaced by each of these in turn. */
const JUNK = [undefined, null, '', 'x', -1, 1.5, 1e300, Number.NaN, true, [], {}, [1], { x: 1 }, 'y'.repeat(10_000)];

function* mutationsOf(sample: unknown): Generator<unknown> {
  yield* JUNK;
  if (Array.isArray(sample)) {
    for (const [index, item] of sample.entries()) {
      for (const changed of mutationsOf(item)) yield sample.with(index, changed);
    }
  } else if (typeof sample === 'object' && sample !== null) {
    for (const [key, value] of Object.entries(sample)) {
      for (const changed of mutationsOf(value)) yield { ...sample, [key]: changed };
    }
    yield { ...sample, unknown: 1 };
  }
}

const EXPORTS: Readonly<Record<string, unknown>> = {
  ...agentEvent,
  ...budget,
  ...operator,
  ...problem,
  ...release,
  ...rollout,
  ...telemetry,
};
const SCHEMAS = Object.entries(EXPORTS).flatMap(
  ([name, value]): Array<[string, z.ZodType]> => (value instanceof z.ZodType ? [[name, value]] : []),
);

const EVENTS = [
  { type: 'dispatch_ack', seq: 1, current_release: SHOP_1_5, received_at: '2026-05-01T12:00:00Z' },
  { type: 'activation_failed', seq: 2, exit_code: 1, stderr_tail: 'x', failed_at: '2026-05-01T12:00:00Z' },
  {
    type: 'probe_topology_declared',
    seq: 3,
    probes: [{ name: 'front', mode: 'enforce' }],
    declared_at: '2026-05-01T12:00:00Z',
  },
];

/** Samples with every field set, so that every rule of a request can be broken. */
const SAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  agentEventSchema: EVENTS.map((event) => ({ hostname: 'web-1', rollout_id: 'ro_1', event, signature: 'x' })),
  createHostSchema: [{ name: 'web-1', labels: { role: 'web' }, token: true, offline_after_seconds: 60 }],
  updateHostSchema: [{ labels: { role: null }, offline_after_seconds: 60 }],
  createTokenSchema: [{ name: 'x', expires_in_seconds: 60 }],
  createAdminTokenSchema: [{ name: 'x', expires_in_seconds: 60, kind: 'admin' }],
  listQuerySchema: [{ limit: '5', cursor: 'x' }],
  eventQuerySchema: [{ after: '5', limit: '5', host: 'web-1' }],
  dispatchQuerySchema: [{ wait: '5' }],
  historyQuerySchema: [{ from: 'x', to: 'y', step_seconds: '60', spread: 'true' }],
  budgetPathSchema: ['rack=a'],
  setBudgetSchema: [{ max_in_flight: 1 }],
  manifestSchema: [
    {
      ...SENT_MANIFEST,
      files: { 'a/b.conf': 'x' },
      probes: [
        {
          name: 'a',
          mode: 'enforce',
          interval_seconds: 5,
          timeout_seconds: 3,
          http: { url: 'http://h/', status: 200 },
        },
        { name: 'b', mode: 'observe', tcp: { address: 'h:1' } },
        { name: 'c', mode: 'enforce', exec: { service: 'db', command: ['x'] } },
      ],
      policy: {
        activation_timeout_seconds: 1,
        soak_seconds: 1,
        sustained_failure_seconds: 1,
        on_health_failure: 'halt',
        telemetry: 'off',
        telemetry_limits: { max_restarts: 1, max_cpu_ratio: 2 },
      },
    },
  ],
  liftQuarantineSchema: [{ reason: 'x' }],
  createRolloutSchema: [
    {
      release: SHOP_1_5,
      selector: { role: 'web' },
      waves: [{ count: 1 }, { percent: 100, soak_seconds: 5 }],
      max_in_flight: 1,
    },
    { release: SHOP_1_5, hosts: ['web-1'], waves: [{ selector: { stage: 'canary' }, soak_seconds: 5 }] },
    { release: SHOP_1_5, hosts: ['web-1'], failure_threshold: 0 },
  ],
  abortRolloutSchema: [{ reason: 'x', rollback: true }],
  telemetrySchema: [telemetryBody()],
  telemetryBatchSchema: [{ ticks: [telemetryBody()] }],
};

describe('whatever is sent, the words are for a person', () => {
  for (const [name, schema] of SCHEMAS) {
    it(name, () => {
      let broken = 0;
      for (const sample of [{}, ...(SAMPLES[name] ?? [])]) {
        for (const input of mutationsOf(sample)) {
          for (const [path, message] of rulesOf(schema, input)) {
            broken += 1;
            assert.match(
              message,
              /^(?:must (?:be|not be|have)|is (?:missing|not a|not valid)|has the unknown) ?/,
              path,
            );
            assert.doesNotMatch(
              message,
              /undefined|\[object|expected|received|invalid|too (?:small|big)|unrecognized/i,
            );
          }
        }
      }
      assert.ok(broken > 0, 'something breaks its rules');
    });
  }

  it('of every request there is a sample that breaks none', () => {
    for (const [name, samples] of Object.entries(SAMPLES)) {
      const schema = SCHEMAS.find(([known]) => known === name)?.[1];
      assert.ok(schema !== undefined, name);
      for (const sample of samples) assert.deepEqual(rulesOf(schema, sample), [], name);
    }
  });
});
