/** `rollout watch` against an API that moves on from one question to the next. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import type { LogEventBody } from '../../../src/wire/operator.ts';
import type { RolloutBody } from '../../../src/wire/rollout.ts';
import { eventStream, type FakeAnswer } from '../../client/fake-api.ts';
import {
  logEntry,
  reported,
  rolloutHost,
  SENT_MANIFEST,
  SHOP_1_5,
  sampleRelease,
  sampleRollout,
  summaryOf,
} from '../../client/sample-rollouts.ts';
import { type Operated, operate } from '../run-against.ts';

/** How the rollout is, and what its log holds, from some moment on. */
interface Chapter {
  readonly rollout: RolloutBody;
  readonly events: readonly LogEventBody[];
  /** Instead of an answer to both. */
  readonly failure?: FakeAnswer;
}

/** Each chapter is told once: the log and the rollout of it are asked for, and the next one begins. */
function tell(t: TestContext, chapters: readonly Chapter[], by: 'events' | 'rollout'): Promise<Operated> {
  let asked = 0;
  const chapter = (turn: boolean): Chapter => {
    const [first] = chapters;
    const now = chapters[Math.min(asked, chapters.length - 1)] ?? first;
    if (turn) asked += 1;
    assert.ok(now !== undefined);
    return now;
  };
  return operate(t, {
    'GET /v1/releases': { body: { releases: [sampleRelease()], next_cursor: null } },
    [`GET /v1/releases/${SHOP_1_5}`]: { body: SENT_MANIFEST },
    'GET /v1/rollouts': () => ({ body: { rollouts: [summaryOf(chapter(false).rollout)], next_cursor: null } }),
    'GET /v1/rollouts/ro_1': () => {
      const { rollout, failure } = chapter(by === 'rollout');
      return failure ?? { body: rollout };
    },
    'GET /v1/rollouts/ro_1/events': ({ path }) => {
      const after = Number(new URL(path, 'http://localhost').searchParams.get('after'));
      const { events, failure } = chapter(false);
      const news = events.filter((event) => event.id > after);
      return failure ?? { body: { events: news, next: news.at(-1)?.id ?? after } };
    },
    'GET /v1/stream': ({ path }) => {
      const after = Number(new URL(path, 'http://localhost').searchParams.get('after'));
      const { events, failure } = chapter(by === 'events');
      return failure ?? eventStream(events.filter((event) => event.id > after));
    },
  });
}

const WAITING = rolloutHost('web-2', { wave: 1, held_by: { gate: 'wave', reason: 'wave 2 of 2 has not begun' } });
const soaking = sampleRollout([
  rolloutHost('web-1', { state: 'soaking', epoch: 1, soak_due_at: '2026-05-01T12:00:38.000Z' }),
  WAITING,
]);
const failure = {
  failing_probes: ['front'],
  output: 'front: HTTP 502',
  at: '2026-05-01T11:58:03.000Z',
  trouble: null,
  evidence: [],
};
const failed = rolloutHost('web-1', { state: 'failed', epoch: 1, failure });
const halted: Partial<RolloutBody> = { state: 'halted', reason: "'web-1' failed ('front')" };
const goingBack = sampleRollout([failed, WAITING], halted);
const back = sampleRollout([{ ...failed, state: 'reverted' }, WAITING], halted);

const BEGINNING = [
  logEntry(1, 0, 'rollout_created', null, {
    plan: { stack: 'shop', release: SHOP_1_5, waves: [['web-1'], ['web-2']] },
  }),
  logEntry(2, 0, 'host_dispatched', 'web-1', { epoch: 1 }),
  reported(3, 1, 'web-1', { type: 'probe_result', probe: 'front', mode: 'enforce', status: 'pass' }),
  reported(4, 2, 'web-1', { type: 'probe_result', probe: 'front', mode: 'enforce', status: 'pass' }),
];
const FAILURE = [
  ...BEGINNING,
  reported(5, 3, 'web-1', { type: 'failed', failing_probes: ['front'], sustained_seconds: 15 }),
  logEntry(6, 3, 'rollout_halted', 'web-1', { reason: "'web-1' failed ('front')" }),
];
const ROLLBACK = [...FAILURE, reported(7, 9, 'web-1', { type: 'rollback_completed', reverted_to_release: null })];

describe('in a pipe', () => {
  it('prints a line per change until the last rollback is done, and exits 1 for a halt', async (t) => {
    const { run } = await tell(
      t,
      [
        { rollout: soaking, events: BEGINNING },
        { rollout: soaking, events: BEGINNING },
        { rollout: goingBack, events: FAILURE },
        { rollout: back, events: ROLLBACK },
      ],
      'events',
    );
    const { code, terminal } = await run(['rollout', 'watch', 'ro_1']);
    assert.equal(code, 1);
    assert.deepEqual(terminal.out().split('\n'), [
      '2026-05-01T11:58:00.000Z  –                     rollout of shop 1.5 (9ad49925e0e3) started: 2 hosts in 2 waves',
      '2026-05-01T11:58:00.000Z  web-1                 was offered the release (epoch 1)',
      "2026-05-01T11:58:01.000Z  web-1                 probe 'front' passes",
      "2026-05-01T11:58:03.000Z  web-1                 failed: probe 'front' failing for 15 s",
      "2026-05-01T11:58:03.000Z  web-1                 rollout halted: 'web-1' failed ('front')",
      '2026-05-01T11:58:09.000Z  web-1                 rolled back and runs nothing now (first deploy)',
      '',
    ]);
    assert.deepEqual(terminal.err().split('\n'), [
      "Rollout ro_1 of shop 1.5 (9ad49925e0e3) was halted 2 min ago: 'web-1' failed ('front'). Hosts: 1 failed, 1 pending.",
      'To see why each host is where it is: nexus rollout explain ro_1',
      'To see the evidence against the release: nexus release show 9ad49925e0e3',
      '',
    ]);
  });

  it('waits for a server that restarts, and exits 0 for a rollout that converged', async (t) => {
    const restarting = {
      status: 503,
      body: { type: 'about:blank', title: 'x', status: 503, detail: 'the server is starting.' },
    };
    const converged = sampleRollout([rolloutHost('web-1', { state: 'converged' })], { state: 'converged' });
    const end = [...BEGINNING, logEntry(5, 9, 'rollout_converged', null)];
    const { run } = await tell(
      t,
      [
        { rollout: soaking, events: BEGINNING },
        { rollout: soaking, events: BEGINNING },
        { rollout: soaking, events: [], failure: restarting },
        { rollout: converged, events: end },
      ],
      'events',
    );
    const { code, terminal } = await run(['rollout', 'watch', 'latest']);
    assert.equal(code, 0);
    assert.match(terminal.out(), /rollout converged\n$/);
    assert.match(
      terminal.err(),
      /^the server is starting\. Waiting for the server\.\nThe server is back\.\nRollout ro_1/,
    );
  });

  it('prints the final rollout alone with --json', async (t) => {
    const { run } = await tell(t, [{ rollout: back, events: ROLLBACK }], 'events');
    const { code, terminal } = await run(['rollout', 'watch', 'ro_1', '--json']);
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(terminal.out()), back);
    assert.equal(terminal.err(), '');
  });
});

describe('on a terminal', () => {
  it('draws until nothing is to come any more', async (t) => {
    const { run } = await tell(
      t,
      [soaking, soaking, goingBack, back].map((rollout) => ({ rollout, events: [] })),
      'rollout',
    );
    const { code, terminal } = await run(['rollout', 'watch', 'ro_1'], 100);
    assert.equal(code, 1);
    const pictures = terminal
      .out()
      .split('shop 1.5 (9ad49925e0e3)  ')
      .slice(1)
      .map((picture) => /web-1 +(\S+)/.exec(picture)?.[1]);
    // It is drawn anew every second as well.
    const changes = pictures.filter((state, index) => state !== pictures[index - 1]);
    assert.deepEqual(changes, ['soaking', 'failed', 'reverted']);
    assert.match(terminal.err(), /^Rollout ro_1 .* was halted/);
  });
});

it('ends at Ctrl-C, and says that the rollout does not', async (t) => {
  const { data } = await tell(t, [{ rollout: soaking, events: BEGINNING }], 'events');
  const entry = path.resolve(import.meta.dirname, '../../../bin/nexus.ts');
  const child = spawn(process.execPath, [entry, 'rollout', 'watch', 'ro_1', '--data', data], { env: {} });
  const errors = text(child.stderr);
  // It follows by now.
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number];
  assert.deepEqual(
    [code, await errors],
    [
      130,
      '\nThe rollout goes on. To follow it again: nexus rollout watch ro_1\nTo stop it: nexus rollout pause ro_1, or nexus rollout abort ro_1\n',
    ],
  );
});
