import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerReport } from '../../src/domain/telemetry.ts';
import { baselineOf, findDrift, NOTHING_OBSERVED, observeStacks } from '../../src/telemetry/observe-stacks.ts';

interface Sample {
  readonly stack?: string;
  readonly service?: string;
  readonly state?: string;
  readonly image?: string;
  readonly imageTag?: string | null;
  readonly oneOff?: boolean;
  readonly after?: string;
}

/** One container: of the service 'web' of the stack 'shop', running, unless the sample says otherwise. */
function report({
  stack = 'shop',
  service = 'web',
  state = 'running',
  image = 'shop/web',
  imageTag = '1',
  oneOff = false,
  after = '',
}: Sample): ContainerReport {
  return {
    containerId: 'c',
    identity: {
      name: 'n',
      image,
      imageTag,
      status: state,
      state,
      healthStatus: null,
      startedAt: null,
      finishedAt: null,
      ports: [],
      labels: {
        ...(stack === '' ? {} : { 'com.docker.compose.project': stack }),
        ...(service === '' ? {} : { 'com.docker.compose.service': service }),
        'com.docker.compose.oneoff': oneOff ? 'True' : 'False',
        'com.docker.compose.depends_on': after,
      },
    },
  } as unknown as ContainerReport;
}

function observe(...samples: Sample[]) {
  return observeStacks(samples.map(report)).get('shop') ?? NOTHING_OBSERVED;
}

test('containers are counted by stack and service', () => {
  const stacks = observeStacks(
    [
      {},
      { state: 'exited' },
      { service: 'db', image: 'db', imageTag: null },
      { stack: 'blog', image: 'ghost', imageTag: 'sha256:ab' },
      { stack: '' },
      { service: '' },
      { oneOff: true },
    ].map(report),
  );
  assert.deepEqual(
    [...stacks].map(([stack, services]) => [stack, Object.fromEntries(services)]),
    [
      [
        'shop',
        {
          db: { running: 1, containers: 1, images: ['db'], isJob: false },
          web: { running: 1, containers: 2, images: ['shop/web:1'], isJob: false },
        },
      ],
      ['blog', { web: { running: 1, containers: 1, images: ['ghost@sha256:ab'], isJob: false } }],
    ],
  );
});

test('a job that still runs is not missed once it has ended', () => {
  const after = 'db:service_healthy:true,job:service_completed_successfully:false';
  const observed = observe({ after }, { service: 'job' }, { service: 'db' });
  assert.deepEqual(Object.keys(baselineOf(observed) ?? {}), ['db', 'web']);
});

test('the baseline is what runs, and there is none where nothing does', () => {
  assert.deepEqual(baselineOf(observe({}, {}, { service: 'job', state: 'exited' })), {
    web: { containers: 2, image: 'shop/web:1' },
  });
  assert.equal(baselineOf(observe({ state: 'exited' })), null);
  assert.equal(baselineOf(NOTHING_OBSERVED), null);
});

const DRIFTS: ReadonlyArray<readonly [what: string, now: readonly Sample[], findings: readonly string[]]> = [
  ['the same', [{}, {}], []],
  ['one that restarts', [{}, { state: 'restarting' }], []],
  ['one more than before', [{}, {}, {}], []],
  ['another service besides', [{}, {}, { service: 'debug' }], []],
  ['one stopped', [{}, { state: 'exited' }], ["service 'web' runs 1 container instead of 2: 1 container stopped"]],
  ['one gone', [{}], ["service 'web' runs 1 container instead of 2"]],
  ['all gone', [], ["service 'web' has no container any more"]],
  ['paused', [{}, { state: 'paused' }], ["service 'web' runs 1 container instead of 2: 1 container stopped"]],
  [
    'another image',
    [{ imageTag: '2' }, { imageTag: '2' }],
    ["service 'web' runs the image 'shop/web:2' instead of 'shop/web:1'"],
  ],
  [
    'another image in one of them',
    [{}, { imageTag: '2' }],
    ["service 'web' runs the image 'shop/web:1, shop/web:2' instead of 'shop/web:1'"],
  ],
];

for (const [what, now, findings] of DRIFTS) {
  test(`drift from two containers of a service: ${what}`, () => {
    const baseline = baselineOf(observe({}, {})) ?? {};
    assert.deepEqual(findDrift(baseline, observe(...now)), findings);
  });
}
