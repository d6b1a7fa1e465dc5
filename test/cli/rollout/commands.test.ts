import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RolloutBody, RolloutPlanBody } from '../../../src/wire/rollout.ts';
import type { FakeAnswer } from '../../client/fake-api.ts';
import {
  logEntry,
  olderRelease,
  reported,
  rolloutHost,
  SENT_MANIFEST,
  SHOP_1_5,
  samplePlan,
  sampleQuarantine,
  sampleRelease,
  sampleRollout,
  summaryOf,
} from '../../client/sample-rollouts.ts';
import { operate, type Routes } from '../run-against.ts';

const HOSTS = [
  rolloutHost('web-1', { state: 'converged', epoch: 1 }),
  rolloutHost('web-2', {
    wave: 1,
    held_by: { gate: 'host', reason: "'web-2' is offline: it follows when it is back" },
  }),
];
const ROLLOUT = sampleRollout(HOSTS, { current_wave: 1 });
const RELEASES = { 'GET /v1/releases': { body: { releases: [sampleRelease(), olderRelease()], next_cursor: null } } };

/** Everything that reading commands ask about one rollout. */
function reading(
  rollout: RolloutBody | (() => RolloutBody),
  events: FakeAnswer = { body: { events: [], next: 0 } },
): Routes {
  const now = typeof rollout === 'function' ? rollout : () => rollout;
  return {
    ...RELEASES,
    [`GET /v1/releases/${SHOP_1_5}`]: { body: SENT_MANIFEST },
    'GET /v1/rollouts': { body: { rollouts: [summaryOf(ROLLOUT)], next_cursor: null } },
    'GET /v1/rollouts/ro_1': () => ({ body: now() }),
    'GET /v1/rollouts/ro_1/events': ({ path }) =>
      path.includes('after=0') ? events : { body: { events: [], next: 9 } },
  };
}

function crowdedPlan(): RolloutPlanBody {
  const held = { severity: 'hold', message: 'its agent takes no releases' } as const;
  const hosts = ['web-2', 'web-3', 'web-4', 'web-5'].map((name) => ({ name, runs: null, findings: [held] }));
  const first = {
    name: 'web-1',
    runs: SHOP_1_5,
    findings: [{ severity: 'warning', message: 'port 80 is taken' } as const],
  };
  return { ...samplePlan(), waves: [{ hosts: [first] }, { hosts }], supersedes: [], notes: [] };
}

describe('rollout create', () => {
  const ready = { ...samplePlan(), waves: [{ hosts: [{ name: 'a', findings: [] }] }], supersedes: [], notes: [] };
  const routes = {
    ...RELEASES,
    'POST /v1/rollouts/plan': { body: ready },
    'POST /v1/rollouts': { status: 201, body: ROLLOUT },
  };
  const line = ['rollout', 'create', 'shop@1.5', '--selector', 'role=web', 'zone=a', '--waves', '1,100%'];

  it('sends the request and puts the id alone on stdout', async (t) => {
    const { api, run } = await operate(t, routes);
    const { code, terminal } = await run([...line, '--max-in-flight', '2']);
    assert.deepEqual([code, terminal.out()], [0, 'ro_1\n']);
    assert.equal(
      terminal.err(),
      'Started the rollout of shop 1.5 (9ad49925e0e3) to 2 hosts in 2 waves:\nTo follow it: nexus rollout watch ro_1\n',
    );
    assert.deepEqual(api.seen.at(-1)?.body, {
      release: SHOP_1_5,
      selector: { role: 'web', zone: 'a' },
      waves: [{ count: 1 }, { percent: 100 }],
      max_in_flight: 2,
    });
  });

  it('sends the same request to the plan first', async (t) => {
    const { api, run } = await operate(t, routes);
    const { terminal } = await run(['rollout', 'create', SHOP_1_5, '--host', 'a', '--host', 'b', '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), ROLLOUT);
    assert.equal(terminal.err(), '');
    const request = { release: SHOP_1_5, hosts: ['a', 'b'] };
    assert.deepEqual(
      api.seen.map(({ path, body }) => [path.split('?', 1)[0], body]),
      [
        ['/v1/releases', undefined],
        ['/v1/rollouts/plan', request],
        ['/v1/rollouts', request],
      ],
    );
  });

  it('says what the plan finds, holds first, and hosts that share a finding in one line', async (t) => {
    const { run } = await operate(t, { ...routes, 'POST /v1/rollouts/plan': { body: crowdedPlan() } });
    const { code, terminal } = await run(line);
    assert.equal(code, 0);
    assert.deepEqual(terminal.err().split('\n').slice(0, 4), [
      'web-2, web-3, web-4 and 1 other would be held: its agent takes no releases',
      'web-1: port 80 is taken',
      '1 host already runs it.',
      'Started the rollout of shop 1.5 (9ad49925e0e3) to 2 hosts in 2 waves:',
    ]);
  });

  it('leaves many findings to the plan', async (t) => {
    const hosts = Array.from({ length: 30 }, (_, index) => ({
      name: `web-${index}`,
      findings: [{ severity: 'hold' as const, message: `'web-${index}' is offline` }],
    }));
    const plan = { ...crowdedPlan(), waves: [{ hosts }] };
    const { run } = await operate(t, { ...routes, 'POST /v1/rollouts/plan': { body: plan } });
    assert.match(
      (await run(line)).terminal.err(),
      /web-9' is offline\nThere are 20 further findings\. .* rollout plan/,
    );
  });

  it('refuses a quarantined release', async (t) => {
    const releases = [sampleRelease({ quarantine: sampleQuarantine() })];
    const { api, run } = await operate(t, { ...routes, 'GET /v1/releases': { body: { releases, next_cursor: null } } });
    const { code, terminal } = await run([...line, '--yes']);
    assert.deepEqual([code, terminal.out()], [1, '']);
    assert.match(
      terminal.err(),
      /^error: shop 1\.5 \(9ad49925e0e3\) is quarantined: probe 'front' failed on web-1 in rollout ro_1\. Once you know why: nexus release lift 9ad49925e0e3 --reason TEXT$/m,
    );
    assert.equal(api.seen.length, 1);
  });

  it('ends no rollout for one that could not begin, unless it is told to', async (t) => {
    const held = { name: 'web-2', findings: [{ severity: 'hold' as const, message: "'web-2' is offline" }] };
    const waves = [{ hosts: [held] }, { hosts: [{ name: 'web-1', findings: [] }] }];
    const plan = { ...samplePlan(), waves, notes: [] };
    const { api, run } = await operate(t, { ...routes, 'POST /v1/rollouts/plan': { body: plan } });
    const { code, terminal } = await run(line);
    assert.deepEqual([code, terminal.out()], [1, '']);
    assert.equal(
      terminal.err(),
      "web-2 would be held: 'web-2' is offline\nerror: this would end rollout ro_0, which still runs, although web-2 would be held and nothing could begin. Resolve that first, or insist with --yes.\n",
    );
    assert.equal(
      api.seen.some(({ path }) => path === '/v1/rollouts'),
      false,
    );
    assert.equal((await run([...line, '--yes'])).code, 0);
  });

  it('ends a rollout for one of which only some hosts are held', async (t) => {
    const { run } = await operate(t, { ...routes, 'POST /v1/rollouts/plan': { body: samplePlan() } });
    assert.equal((await run(line)).code, 0);
  });

  it('with --watch follows it to its end', async (t) => {
    const converged = sampleRollout([rolloutHost('web-1', { state: 'converged' })], { state: 'converged' });
    const { run } = await operate(t, { ...reading(converged), ...routes });
    const { code, terminal } = await run([...line, '--watch']);
    assert.equal(code, 0);
    assert.equal(terminal.out(), '');
    assert.match(terminal.err(), /^Started the rollout[\s\S]*converged 2 min ago\. Hosts: 1 converged\.\n$/);
  });

  it('wants hosts, and one way to name them', async (t) => {
    const { api, run } = await operate(t, {});
    assert.equal((await run(['rollout', 'create', 'shop@1.5'])).code, 2);
    assert.equal((await run([...line, '--host', 'web-1'])).code, 2);
    assert.equal((await run(['rollout', 'create', 'shop', '--host', 'web-1'])).code, 2);
    assert.equal(api.seen.length, 0);
  });
});

describe('rollout plan', () => {
  const routes = { ...RELEASES, 'POST /v1/rollouts/plan': { body: samplePlan() } };
  const line = ['rollout', 'plan', '9ad499', '--selector', 'role=web'];

  it('shows wave by wave, host by host, what stands in the way', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(line);
    assert.equal(code, 0);
    assert.equal(
      terminal.out(),
      [
        'WAVE  HOST   VERDICT  FINDING                      CHANGE',
        '   1  web-1  ready                                 shop 1.4 → shop 1.5',
        "   2  web-2  hold     'web-2' is offline           first deploy",
        '   2  web-3  warning  900 MB of its disk are free  already runs it',
        '',
      ].join('\n'),
    );
    assert.equal(
      terminal.err(),
      'shop 1.5 (9ad49925e0e3) to 3 hosts in 2 waves of 1, 2: 1 ready, 1 with warnings, 1 held.\nIt would supersede rollout ro_0, which is still running.\nA soak of 2 s is too short to judge memory, which takes 45 s: hosts converge without that.\n',
    );
  });

  it('of many hosts shows those with findings', async (t) => {
    const hosts = Array.from({ length: 150 }, (_, index) => ({ name: `web-${index}`, findings: [] }));
    const found = { name: 'db-1', findings: [{ severity: 'hold' as const, message: "'db-1' is offline" }] };
    const plan = { ...samplePlan(), waves: [{ hosts: [...hosts, found] }], supersedes: [], notes: [] };
    const { run } = await operate(t, { ...routes, 'POST /v1/rollouts/plan': { body: plan } });
    const few = await run(line);
    assert.equal(
      few.terminal.out(),
      "WAVE  HOST  VERDICT  FINDING            CHANGE\n   1  db-1  hold     'db-1' is offline\n",
    );
    assert.match(
      few.terminal.err(),
      /151 hosts in one wave: 150 ready, 0 with warnings, 1 held\.\nNot shown: hosts without findings.*--all/,
    );
    assert.equal((await run([...line, '--all'])).terminal.out().split('\n').length, 153);
  });

  it('prints the answer with --json', async (t) => {
    const { run } = await operate(t, routes);
    assert.deepEqual(JSON.parse((await run([...line, '--json'])).terminal.out()), samplePlan());
  });
});

describe('rollout list', () => {
  it('shows how each went', async (t) => {
    const halted = summaryOf({ ...ROLLOUT, id: 'ro_0', state: 'halted', reason: "'web-1' failed" });
    const body = { rollouts: [summaryOf(ROLLOUT), halted], next_cursor: null };
    const { run } = await operate(t, { 'GET /v1/rollouts': { body } });
    assert.equal(
      (await run(['rollout', 'list'])).terminal.out(),
      [
        'ROLLOUT  RELEASE                  STATE   CONVERGED  IN FLIGHT  FAILED  CREATED                   REASON',
        'ro_1     shop 1.5 (9ad49925e0e3)  active      1 / 2          0       0  2026-05-01T11:58:00.000Z',
        "ro_0     shop 1.5 (9ad49925e0e3)  halted      1 / 2          0       0  2026-05-01T11:58:00.000Z  'web-1' failed",
        '',
      ].join('\n'),
    );
    assert.deepEqual(JSON.parse((await run(['rollout', 'list', '--json'])).terminal.out()), body);
  });

  it('says what to do when there are none', async (t) => {
    const { run } = await operate(t, { 'GET /v1/rollouts': { body: { rollouts: [], next_cursor: null } } });
    const { code, terminal } = await run(['rollout', 'list']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus rollout create RELEASE/);
    const latest = await run(['rollout', 'show', 'latest']);
    assert.equal(latest.code, 1);
    assert.match(latest.terminal.err(), /there is no rollout yet.*nexus rollout create/);
  });
});

describe('rollout show', () => {
  it('shows the waves, and each host with what it waits for', async (t) => {
    const { run } = await operate(t, reading(ROLLOUT));
    const { code, terminal } = await run(['rollout', 'show', 'ro']);
    assert.equal(code, 0, terminal.err());
    assert.equal(
      terminal.out(),
      `ro_1  active
  Release  shop 1.5 (9ad49925e0e3)
  Since    2026-05-01T11:58:00.000Z
  Created  2026-05-01T11:58:00.000Z
  Limits   at most 5 in flight, 1 min soak, the first failure halts it
  Wave 1   1 host: 1 converged
  Wave 2   1 host: 1 pending (current)

WAVE  HOST   STATE      SINCE                     NOTE
   1  web-1  converged  2026-05-01T11:58:00.000Z
   2  web-2  pending    2026-05-01T11:58:00.000Z  'web-2' is offline: it follows when it is back
`,
    );
  });

  it('of a large rollout leaves out hosts that only wait or have converged, and says so', async (t) => {
    const many = Array.from({ length: 200 }, (_, index) => rolloutHost(`edge-${index}`));
    const soaking = rolloutHost('edge-x', { state: 'soaking', epoch: 1 });
    const { run } = await operate(t, reading(sampleRollout([...many, soaking])));
    const few = await run(['rollout', 'show', 'latest']);
    assert.equal(few.terminal.out().split('\n').slice(7, -1).length, 2);
    assert.match(few.terminal.err(), /Not shown: 200 hosts that are pending.*nexus rollout show ro_1 --all/);
    assert.equal(
      (await run(['rollout', 'show', 'latest', '--all'])).terminal.out().split('\n').slice(7, -1).length,
      202,
    );
  });
});

describe('rollout explain', () => {
  const telemetry = {
    status: 'watch',
    since: '2026-05-01T11:59:50.000Z',
    reason: 'memory grows by 80 MiB/min',
    figures: { memory_growth_mb_per_minute: 80, peers_cpu_percent: null },
  };
  const soaking = rolloutHost('web-3', {
    state: 'soaking',
    wave: 1,
    epoch: 2,
    state_since: '2026-05-01T11:59:00.000Z',
    soak_due_at: '2026-05-01T12:00:30.000Z',
    telemetry,
  });
  const deferral = { class: 'disk', reason: 'no space left on device', at: '2026-05-01T11:58:00.000Z' } as const;
  const deferred = rolloutHost('web-4', { state: 'deferred', wave: 1, epoch: 2, deferral });
  const rollout = sampleRollout([...HOSTS, soaking, deferred], { current_wave: 1, soak_seconds: 90 });
  const routes = reading(rollout);

  it('says one sentence for the rollout and one for each host that needs one', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(['rollout', 'explain', 'latest']);
    assert.equal(code, 0, terminal.err());
    assert.deepEqual(terminal.out().split('\n'), [
      'Rollout ro_1 of shop 1.5 (9ad49925e0e3) has been running for 2 min and is in wave 2 of 2. Hosts: 1 converged, 2 in flight, 1 pending. The first failure halts it.',
      'web-3 has been soaking shop 1.5 (9ad49925e0e3) for 1 min: 30 s of its 1 min 30 s soak remain; no probe is enforced; its telemetry has been beyond a limit for 10 s (memory grows by 80 MiB/min), which keeps it from converging and fails the host after 15 s.',
      'web-4 deferred the activation of shop 1.5 (9ad49925e0e3) 2 min ago because of a full disk (no space left on device), and tries again by itself for at most 30 min.',
      "1 host is waiting (web-2): 'web-2' is offline: it follows when it is back.",
      '',
    ]);
  });

  it('shows the figures of one host', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['rollout', 'explain', 'ro_1', 'web-3']);
    assert.deepEqual(terminal.out().split('\n').slice(1), [
      '  memory growth mb per minute           80',
      '  peers cpu percent                     unknown',
      '',
    ]);
  });

  it('prints the rollout with explanations as --json', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['rollout', 'explain', 'ro_1', 'web-4', '--json']);
    const body = JSON.parse(terminal.out()) as { id: string; hosts: Array<{ name: string; explanation: string }> };
    assert.equal(body.id, 'ro_1');
    assert.deepEqual(
      body.hosts.map((host) => [host.name, host.explanation]),
      [
        [
          'web-4',
          'web-4 deferred the activation of shop 1.5 (9ad49925e0e3) 2 min ago because of a full disk (no space left on device), and tries again by itself for at most 30 min.',
        ],
      ],
    );
  });

  it('exits 1 for a host that is not part of it', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(['rollout', 'explain', 'ro_1', 'web-9']);
    assert.equal(code, 1);
    assert.match(terminal.err(), /no host 'web-9'.*nexus rollout show ro_1 --all/);
  });
});

describe('rollout events', () => {
  const events = [
    logEntry(4, 0, 'rollout_paused', null),
    reported(5, 1, 'web-1', { type: 'converged' }),
    logEntry(6, 2, 'wave_promoted', null, { wave: 1, skipped: [] }),
  ];
  const routes = reading(ROLLOUT, { body: { events, next: 9 } });

  it('are lines with their number, time and host', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['rollout', 'events', 'ro_1']);
    assert.equal(
      terminal.out(),
      [
        '     4  2026-05-01T11:58:00.000Z  –                     rollout paused',
        '     5  2026-05-01T11:58:01.000Z  web-1                 converged',
        '     6  2026-05-01T11:58:02.000Z  –                     wave 2 started',
        '',
      ].join('\n'),
    );
  });

  it('of one host', async (t) => {
    const { run } = await operate(t, routes);
    const { terminal } = await run(['rollout', 'events', 'latest', '--host', 'web-1', '--json']);
    assert.deepEqual(JSON.parse(terminal.out()), { events: [events[1]], next: 9 });
  });

  it('after the last one are none', async (t) => {
    const { run } = await operate(t, routes);
    const { code, terminal } = await run(['rollout', 'events', 'latest', '--after', '9']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus rollout watch latest/);
    assert.equal((await run(['rollout', 'events', 'latest', '--after', 'x'])).code, 2);
  });
});

describe('rollout pause, resume and abort', () => {
  const found = { 'GET /v1/rollouts': { body: { rollouts: [summaryOf(ROLLOUT)], next_cursor: null } } };
  const soaking = sampleRollout([...HOSTS, rolloutHost('web-3', { state: 'soaking', epoch: 1 })]);

  it('pause says what goes on', async (t) => {
    const { run } = await operate(t, { ...found, 'POST /v1/rollouts/ro_1/pause': { body: soaking } });
    const { code, terminal } = await run(['rollout', 'pause', 'ro_1']);
    assert.equal(code, 0);
    assert.equal(terminal.out(), 'Paused ro_1: no further host is dispatched, and 1 host in flight will finish.\n');
    assert.equal(terminal.err(), 'To resume it: nexus rollout resume ro_1\n');
  });

  it('resume says what is to come', async (t) => {
    const { run } = await operate(t, { ...found, 'POST /v1/rollouts/ro_1/resume': { body: ROLLOUT } });
    assert.equal((await run(['rollout', 'resume', 'latest'])).terminal.out(), 'Resumed ro_1: 1 host pending.\n');
  });

  const aborted = (
    rollbacks: readonly string[],
    notRolledBack: ReadonlyArray<{ host: string; reason: string }> = [],
  ) => ({
    ...found,
    'POST /v1/rollouts/ro_1/abort': { body: { ...ROLLOUT, rollbacks, not_rolled_back: notRolledBack } },
  });

  it('abort leaves what was touched, and says so', async (t) => {
    const { api, run } = await operate(t, aborted([]));
    const { terminal } = await run(['rollout', 'abort', 'ro_1', '--reason', 'wrong config']);
    assert.equal(terminal.out(), 'Aborted ro_1: 1 host not touched.\n');
    assert.match(terminal.err(), /keep what they run/);
    assert.deepEqual(api.seen.at(-1)?.body, { reason: 'wrong config' });
  });

  it('abort --rollback names the rollouts that bring the hosts back', async (t) => {
    const { api, run } = await operate(t, aborted(['ro_2']));
    const { terminal } = await run(['rollout', 'abort', 'ro_1', '--rollback']);
    assert.match(terminal.out(), /^Rollout ro_2 rolls hosts back\. To follow it: nexus rollout watch ro_2$/m);
    assert.deepEqual(api.seen.at(-1)?.body, { rollback: true });
    const json = await run(['rollout', 'abort', 'ro_1', '--rollback', '--json']);
    assert.deepEqual(JSON.parse(json.terminal.out()), { ...ROLLOUT, rollbacks: ['ro_2'], not_rolled_back: [] });
  });

  it('abort --rollback names the hosts that stay as they are, and why', async (t) => {
    const { run } = await operate(t, aborted([], [{ host: 'web-1', reason: 'ran nothing of this stack before' }]));
    const { terminal } = await run(['rollout', 'abort', 'ro_1', '--rollback']);
    assert.match(terminal.out(), /^'web-1' is not rolled back: it ran nothing of this stack before\.$/m);
  });

  it('abort --force gives up one host', async (t) => {
    const { api, run } = await operate(t, aborted([]));
    const { code, terminal } = await run([
      'rollout',
      'abort',
      'ro_1',
      '--force',
      '--host',
      'web-1',
      '--reason',
      'moved',
    ]);
    assert.deepEqual([code, terminal.out()], [0, "ro_1 expects nothing more of 'web-1'.\n"]);
    assert.deepEqual(api.seen.at(-1)?.body, { force: true, host: 'web-1', reason: 'moved' });
    for (const flags of [['--force'], ['--host', 'web-1'], ['--force', '--host', 'web-1', '--rollback']]) {
      const refused = await run(['rollout', 'abort', 'ro_1', ...flags]);
      assert.equal(refused.code, 2, flags.join(' '));
      assert.match(refused.terminal.err(), /--force and --host go together, and without --rollback/);
    }
  });

  it('of a rollout that is over exit 1 with the reason', async (t) => {
    const body = { type: 'about:blank', title: 'x', status: 409, detail: 'the rollout is halted: it cannot be paused' };
    const { run } = await operate(t, { ...found, 'POST /v1/rollouts/ro_1/pause': { status: 409, body } });
    const { code, terminal } = await run(['rollout', 'pause', 'ro_1', '--json']);
    assert.deepEqual(
      [code, terminal.out(), terminal.err()],
      [1, '', 'error: the rollout is halted: it cannot be paused\n'],
    );
  });
});

describe('rollout replay', () => {
  const found = { 'GET /v1/rollouts': { body: { rollouts: [summaryOf(ROLLOUT)], next_cursor: null } } };
  const report = (equal: boolean) => ({
    equal,
    entries: 24,
    hosts: 2,
    differences: equal ? [] : ['rollout', 'web-1'],
  });

  for (const [equal, expected, sentence] of [
    [true, 0, 'Replayed ro_1, 24 log entries and 2 hosts: the result equals what is stored.\n'],
    [
      false,
      1,
      "Replayed ro_1, 24 log entries and 2 hosts: the result DIFFERS from what is stored, in 'rollout', 'web-1'.\n",
    ],
  ] as const) {
    it(`exits ${expected} when ${equal ? '' : 'not '}equal`, async (t) => {
      const { run } = await operate(t, { ...found, 'POST /v1/rollouts/ro_1/replay': { body: report(equal) } });
      const { code, terminal } = await run(['rollout', 'replay', 'ro_1']);
      assert.deepEqual([code, terminal.out()], [expected, sentence]);
      const json = await run(['rollout', 'replay', 'latest', '--json']);
      assert.deepEqual([json.code, JSON.parse(json.terminal.out())], [expected, report(equal)]);
    });
  }
});
