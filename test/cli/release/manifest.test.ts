import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { releasePathOf } from '../../../src/cli/release/files.ts';
import { buildManifest, type ManifestFlags, readManifest } from '../../../src/cli/release/manifest.ts';
import { type ProbeFlags, readProbes } from '../../../src/cli/release/probe.ts';
import { readSources } from '../../../src/cli/release/sources.ts';
import { NexusError } from '../../../src/domain/errors.ts';

const usage =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof NexusError && error.code === 'usage' && pattern.test(error.message);

describe('probes of flags', () => {
  const rows: Array<[ProbeFlags, unknown]> = [
    [{}, []],
    [
      { probeHttp: ['front=http://127.0.0.1:8080/a=b?c'] },
      [{ name: 'front', mode: 'enforce', http: { url: 'http://127.0.0.1:8080/a=b?c' } }],
    ],
    [{ probeTcp: ['db=[::1]:5432'] }, [{ name: 'db', mode: 'enforce', tcp: { address: '[::1]:5432' } }]],
    [
      { probeExec: ['ready=db:pg_isready -U "the app" -d a:b'] },
      [
        {
          name: 'ready',
          mode: 'enforce',
          exec: { service: 'db', command: ['pg_isready', '-U', 'the app', '-d', 'a:b'] },
        },
      ],
    ],
    [
      { probeTcp: ['a=h:1'], probeHttp: ['b=https://h', 'c=http://h'], observe: ['c', 'a'] },
      [
        { name: 'b', mode: 'enforce', http: { url: 'https://h' } },
        { name: 'c', mode: 'observe', http: { url: 'http://h' } },
        { name: 'a', mode: 'observe', tcp: { address: 'h:1' } },
      ],
    ],
  ];
  for (const [flags, probes] of rows) {
    it(`${JSON.stringify(flags)}`, () => assert.deepEqual(readProbes(flags), probes));
  }

  const refused: Array<[ProbeFlags, RegExp]> = [
    [{ probeHttp: ['http://127.0.0.1'] }, /not a probe: write NAME=URL/],
    [{ probeHttp: ['front='] }, /not a probe: write NAME=URL/],
    [{ probeHttp: ['front=ftp://h'] }, /'ftp:\/\/h' is not an HTTP URL/],
    [{ probeTcp: ['db=5432'] }, /'5432' is not HOST:PORT/],
    [{ probeExec: ['ready=db'] }, /does not name a service and a command/],
    [{ probeExec: ['ready=db: '] }, /does not name a service and a command/],
    [{ probeHttp: ['a=http://h'], probeTcp: ['a=h:1'] }, /two probes are named 'a'/],
    [
      { probeHttp: ['a=http://h'], observe: ['b'] },
      /--observe is 'b', but no probe has that name: the probes are 'a'\./,
    ],
  ];
  for (const [flags, reason] of refused) {
    it(`refuses ${JSON.stringify(flags)}`, () => assert.throws(() => readProbes(flags), usage(reason)));
  }
});

const COMPOSE = 'services: {a: {image: b}}';
const DEFAULT_POLICY = {
  activation_timeout_seconds: 600,
  soak_seconds: 60,
  sustained_failure_seconds: 15,
  on_health_failure: 'rollback-and-halt',
  telemetry: 'judged',
};
const DEFAULT_LIMITS = {
  max_restarts: 2,
  max_memory_growth_mb_per_minute: 16,
  max_cpu_ratio: 3,
  min_cpu_percent: 25,
};

describe('a manifest', () => {
  const build = (flags: Partial<ManifestFlags>, files: Record<string, string> = {}) =>
    buildManifest({ stack: 'shop', version: '1.5', ...flags }, { compose: COMPOSE, overrides: [], files, notes: [] });

  it('says everything that is taken for granted', () => {
    assert.deepEqual(build({}), {
      kind: 'nexus.release/1',
      stack: 'shop',
      version: '1.5',
      compose: COMPOSE,
      probes: [],
      policy: DEFAULT_POLICY,
    });
  });

  it('holds its files and probes', () => {
    const manifest = build({ probeHttp: ['front=http://h/'] }, { 'conf/a.conf': 'x' });
    assert.deepEqual(manifest.files, { 'conf/a.conf': 'x' });
    assert.deepEqual(manifest.probes, [
      { name: 'front', mode: 'enforce', interval_seconds: 5, timeout_seconds: 3, http: { url: 'http://h/' } },
    ]);
  });

  const policies: Array<[Partial<ManifestFlags>, Record<string, unknown>]> = [
    [{ soak: '5m' }, { soak_seconds: 300 }],
    [{ soak: '0' }, { soak_seconds: 0 }],
    [{ activationTimeout: '1h30m' }, { activation_timeout_seconds: 5_400 }],
    [{ sustainedFailure: '45s' }, { sustained_failure_seconds: 45 }],
    [{ onFailure: 'halt' }, { on_health_failure: 'halt' }],
    [{ telemetry: 'required' }, { telemetry: 'required' }],
    [{ maxRestarts: '5' }, { max_restarts: 5, telemetry_limits: { ...DEFAULT_LIMITS, max_restarts: 5 } }],
    [{ pullBudget: '2h' }, { pull_budget_seconds: 7_200 }],
    [{ confirm: '90s' }, { confirm_seconds: 90 }],
    [{ onLostHost: 'fail' }, { on_lost_host: 'fail' }],
    [{ rerunJobs: true }, { rerun_jobs_on_rollback: true }],
    [
      { maxMemoryGrowth: '1.5', maxCpuRatio: '2', minCpuPercent: '10', maxUnhealthy: '1m' },
      {
        telemetry_limits: {
          max_restarts: 2,
          max_memory_growth_mb_per_minute: 1.5,
          max_cpu_ratio: 2,
          min_cpu_percent: 10,
          max_unhealthy_seconds: 60,
        },
      },
    ],
  ];
  for (const [flags, policy] of policies) {
    it(`of ${JSON.stringify(flags)} has that policy`, () =>
      assert.deepEqual(build(flags).policy, { ...DEFAULT_POLICY, ...policy }));
  }

  const refused: Array<[Partial<ManifestFlags>, RegExp]> = [
    [{ soak: 'long' }, /--soak is 'long'/],
    [{ maxCpuRatio: 'x3' }, /--max-cpu-ratio is 'x3', which is not a number/],
  ];
  for (const [flags, reason] of refused) {
    it(`refuses ${JSON.stringify(flags)}`, () => assert.throws(() => build(flags), usage(reason)));
  }

  it('that breaks a rule is refused with the rule and its path', () => {
    assert.throws(
      () => build({ stack: 'Shop', activationTimeout: '0' }),
      (error) => {
        assert.ok(error instanceof NexusError && error.code === 'usage');
        const paths = (error.details['errors'] as Array<{ path: string }>).map((one) => one.path);
        assert.deepEqual(paths, ['stack', 'policy.activation_timeout_seconds']);
        return true;
      },
    );
  });

  it('that is given whole must be JSON', () => {
    assert.deepEqual(readManifest('{"kind":"nexus.release/1"}'), { kind: 'nexus.release/1' });
    assert.throws(() => readManifest('kind: nexus'), usage(/--manifest is not JSON/));
  });
});

describe('the files of a release', () => {
  const rows: Array<[string, string]> = [
    ['nginx.conf', 'nginx.conf'],
    ['./conf//nginx.conf', 'conf/nginx.conf'],
    ['conf/../nginx.conf', 'nginx.conf'],
    ['..conf', '..conf'],
  ];
  for (const [flag, path] of rows) it(`${flag} is ${path}`, () => assert.equal(releasePathOf(flag), path));
  for (const flag of ['/etc/passwd', '../x', 'conf/../../x', '..']) {
    it(`${flag} is refused`, () => assert.throws(() => releasePathOf(flag), usage(/absolute path|leads out/)));
  }

  const root = mkdtempSync(join(tmpdir(), 'nexus-release-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const app = join(root, 'app');
  mkdirSync(join(app, 'conf'), { recursive: true });
  writeFileSync(join(app, 'compose.yaml'), COMPOSE);
  writeFileSync(join(app, 'conf', 'a.conf'), 'größe\n');
  writeFileSync(join(app, 'logo.png'), Buffer.from([0x89, 0x50, 0xff]));
  const compose = join(app, 'compose.yaml');

  it('are named from the directory of the Compose file', async () => {
    assert.deepEqual(await readSources([compose], ['conf/a.conf', './conf/a.conf'], {}), {
      compose: COMPOSE,
      overrides: [],
      files: { 'conf/a.conf': 'größe\n' },
      notes: [],
    });
  });

  const unreadable: Array<[string, RegExp]> = [
    ['conf/b.conf', /b\.conf', which cannot be read: there is no such file/],
  ];
  for (const [file, reason] of unreadable) {
    it(`cannot be ${file}`, () => assert.rejects(readSources([compose], [file], {}), usage(reason)));
  }

  it('named from the current directory are found, and the right name is suggested', async (t) => {
    const before = process.cwd();
    t.after(() => process.chdir(before));
    process.chdir(root);
    await assert.rejects(
      readSources(['app/compose.yaml'], ['app/conf/a.conf'], {}),
      usage(/start at the directory of the Compose file: write --file conf\/a\.conf\./),
    );
  });

  it('need a Compose file', () =>
    assert.rejects(
      readSources([join(app, 'none.yaml')], [], {}),
      usage(/--compose is .*none\.yaml', which cannot be read/),
    ));
});
