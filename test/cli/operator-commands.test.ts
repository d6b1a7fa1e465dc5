import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { runCli } from '../../src/cli/run-cli.ts';
import { eventStream, type FakeAnswer, type FakeApi, type SeenRequest, startFakeApi } from '../client/fake-api.ts';
import { pendingHost, sampleContainer, sampleHost, sampleToken } from '../client/sample-answers.ts';
import { type MemoryTerminal, memoryTerminal } from './memory-terminal.ts';

const root = mkdtempSync(join(tmpdir(), 'nexus-cli-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function server(
  t: TestContext,
  answer: (request: SeenRequest) => FakeAnswer,
): Promise<{ api: FakeApi; data: string }> {
  const data = mkdtempSync(join(root, 'd-'));
  const api = await startFakeApi(answer, join(data, 'nexus.sock'));
  t.after(() => api.close());
  return { api, data };
}

interface Ran {
  readonly code: number;
  readonly terminal: MemoryTerminal;
}

async function run(data: string, args: readonly string[], columns?: number): Promise<Ran> {
  const terminal = memoryTerminal({ env: { NEXUS_DATA: data }, ...(columns === undefined ? {} : { columns }) });
  return { code: await runCli(args, terminal), terminal };
}

const BUDGET = { label: 'rack', value: 'a', max_in_flight: 2, changing: ['web-1'] };

describe('--json prints the document of the API and nothing else', () => {
  const minted = { id: 'tok_1', name: 'agent', token: 'nxa_plain' };
  const page = { containers: [sampleContainer()], next_cursor: null };
  const rows: Array<[string, unknown]> = [
    ['host list', { hosts: [sampleHost(), pendingHost('web-2')], next_cursor: null }],
    ['host show web-1', sampleHost()],
    ['host add web-1 --token', { host: pendingHost('web-1'), token: minted }],
    ['host label web-1 role=web', sampleHost()],
    ['host set web-1 --offline-after 5m', sampleHost()],
    ['host archive web-1', sampleHost({ status: 'archived', archived_at: '2026-05-01T12:00:00.000Z' })],
    ['host containers web-1', page],
    ['host metrics web-1 --step 60', { step_seconds: 60, points: [] }],
    ['token create --host web-1', minted],
    ['token create --admin', minted],
    ['token list --host web-1', { tokens: [sampleToken()], next_cursor: null }],
    ['token list --admin', { tokens: [], next_cursor: null }],
    ['token rotate tok_1', minted],
    ['token revoke tok_1', sampleToken({ revoked_at: '2026-05-01T12:00:00.000Z' })],
    ['budget set rack=a --max-in-flight 2', BUDGET],
    ['budget list', { budgets: [BUDGET] }],
    ['budget remove rack=a', BUDGET],
    ['event list', { events: [], next: 0 }],
  ];
  for (const [line, body] of rows) {
    it(line, async (t) => {
      const { data } = await server(t, () => ({ body }));
      const { code, terminal } = await run(data, [...line.split(' '), '--json']);
      assert.equal(code, 0, terminal.err());
      assert.deepEqual(JSON.parse(terminal.out()), body);
      assert.equal(terminal.err(), '');
    });
  }

  it('all pages of events in one', async (t) => {
    const event = (id: number) => ({
      id,
      at: '2026-05-01T12:00:00.000Z',
      kind: 'host_added',
      host: 'a',
      rollout_id: null,
      data: {},
    });
    const { data } = await server(t, ({ path }) => {
      const past = Number(new URL(path, 'http://localhost').searchParams.get('after'));
      return { body: past < 3 ? { events: [event(past + 1)], next: past + 1 } : { events: [], next: past } };
    });
    const { terminal } = await run(data, ['event', 'list', '--json', '--after', '1']);
    assert.deepEqual(JSON.parse(terminal.out()), { events: [event(2), event(3)], next: 3 });
  });

  it('and nothing at all when the command fails', async (t) => {
    const { data } = await server(t, () => ({
      status: 404,
      body: { type: 'about:blank', title: 'Not Found', status: 404, detail: 'no such host', did_you_mean: 'web-1' },
    }));
    const { code, terminal } = await run(data, ['host', 'show', 'web1', '--json']);
    assert.deepEqual([code, terminal.out(), terminal.err()], [1, '', "error: no such host\nDid you mean 'web-1'?\n"]);
  });
});

describe('host add', () => {
  it('sends what was asked for', async (t) => {
    const { api, data } = await server(t, () => ({ status: 201, body: { host: pendingHost('web-1') } }));
    await run(data, ['host', 'add', 'web-1', '--label', 'role=web', '--label', 'zone=a', '--offline-after', '5m']);
    assert.deepEqual(api.seen[0]?.body, {
      name: 'web-1',
      labels: { role: 'web', zone: 'a' },
      offline_after_seconds: 300,
    });
  });

  it('prints the token once, in a command that keeps it out of the arguments', async (t) => {
    const token = { id: 'tok_1', name: 'agent', token: 'nxa_plain' };
    const { data } = await server(t, () => ({ status: 201, body: { host: pendingHost('web-1'), token } }));
    const { terminal } = await run(data, ['host', 'add', 'web-1', '--token']);
    assert.match(terminal.out(), /^ {2}NEXUS_URL=http:\/\/127\.0\.0\.1:8470 NEXUS_AGENT_TOKEN=nxa_plain nexus agent$/m);
    assert.equal(terminal.out().split('nxa_plain').length, 2);
    assert.ok(!terminal.err().includes('nxa_plain'));
  });
});

describe('host list', () => {
  it('says what to do next when there are none', async (t) => {
    const { data } = await server(t, () => ({ body: { hosts: [], next_cursor: null } }));
    const { code, terminal } = await run(data, ['host', 'list']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus host add NAME --token/);
  });

  it('leaves archived hosts out, and says so', async (t) => {
    const hosts = [sampleHost(), sampleHost({ name: 'old-1', status: 'archived' })];
    const { data } = await server(t, () => ({ body: { hosts, next_cursor: null } }));
    const few = await run(data, ['host', 'list']);
    assert.ok(!few.terminal.out().includes('old-1'));
    assert.match(few.terminal.err(), /Not shown: 1 archived host\. To list all: nexus host list --all/);
    const all = await run(data, ['host', 'list', '--all']);
    assert.match(all.terminal.out(), /old-1 +archived/);
  });

  it('colours the status on a terminal, and only there', async (t) => {
    const { data } = await server(t, () => ({ body: { hosts: [sampleHost()], next_cursor: null } }));
    const before = { ...process.env };
    t.after(() => Object.assign(process.env, before));
    delete process.env['NO_COLOR'];
    delete process.env['FORCE_COLOR'];
    delete process.env['NODE_DISABLE_COLORS'];
    assert.ok((await run(data, ['host', 'list'], 120)).terminal.rawOut().includes('\u001b[32monline\u001b[39m'));
    assert.ok(!(await run(data, ['host', 'list'])).terminal.rawOut().includes('\u001b'));
  });
});

describe('host show', () => {
  it('shows the stacks of the host, and the containers that are there', async (t) => {
    const containers = [sampleContainer(), sampleContainer({ name: 'gone', removed_at: '2026-05-01T11:00:00.000Z' })];
    const stack = {
      stack: 'shop',
      host: 'web-1',
      status: 'online',
      desired: null,
      observed: { release: `sha256:${'1'.repeat(64)}`, version: '1' },
      since: null,
      rollout_id: 'ro_1',
      services: [],
      watched: false,
      drift: null,
    };
    const { data } = await server(t, ({ path }) => {
      if (path.includes('/containers')) return { body: { containers, next_cursor: null } };
      return { body: path.endsWith('/stacks') ? { stacks: [stack] } : sampleHost() };
    });
    const { code, terminal } = await run(data, ['host', 'show', 'web-1']);
    assert.equal(code, 0, terminal.err());
    assert.match(terminal.out(), /^shop +shop 1 \(111111111111\) +– +to run nothing$/m);
    assert.match(terminal.out(), /^shop-web /m);
    assert.ok(!terminal.out().includes('gone'));
  });
});

describe('host metrics', () => {
  it('finds a container by its name', async (t) => {
    const point = { ...sampleContainer().metrics, recorded_at: '2026-05-01T11:59:48.000Z' };
    const { api, data } = await server(t, ({ path }) => ({
      body: path.includes('/metrics')
        ? { step_seconds: null, points: [point] }
        : { containers: [sampleContainer()], next_cursor: null },
    }));
    const { terminal } = await run(data, ['host', 'metrics', 'web-1', '--container', 'shop-web', '--from', '1h']);
    assert.match(terminal.out(), /^2026-05-01T11:59:48\.000Z {2}150% /m);
    assert.equal(
      api.seen[1]?.path,
      '/v1/hosts/web-1/containers/f00dfeed0001/metrics?from=2026-05-01T11%3A00%3A00.000Z',
    );
  });
});

describe('token create', () => {
  it('puts the plaintext alone on stdout', async (t) => {
    const { api, data } = await server(t, () => ({
      status: 201,
      body: { id: 'tok_1', name: 'laptop', token: 'nxo_plain' },
    }));
    const { terminal } = await run(data, ['token', 'create', '--admin', '--name', 'laptop', '--expires', '90d']);
    assert.equal(terminal.out(), 'nxo_plain\n');
    assert.match(terminal.err(), /tok_1/);
    assert.deepEqual(api.seen[0]?.body, { kind: 'admin', name: 'laptop', expires_in_seconds: 7_776_000 });
  });

  it('asks for a scope', async (t) => {
    const { api, data } = await server(t, () => ({
      status: 201,
      body: { id: 'tok_1', name: 'admin', token: 'nxo_plain' },
    }));
    assert.equal((await run(data, ['token', 'create', '--admin', '--scope', 'deploy'])).code, 0);
    assert.deepEqual(api.seen[0]?.body, { kind: 'admin', scope: 'deploy' });
  });
});

describe('token list', () => {
  it('shows the scopes of admin tokens', async (t) => {
    const tokens = [sampleToken({ kind: 'admin', name: 'ci', scope: 'deploy' })];
    const { data } = await server(t, () => ({ body: { tokens, next_cursor: null } }));
    const { terminal } = await run(data, ['token', 'list', '--admin']);
    const [title = '', row = ''] = terminal.out().split('\n');
    assert.deepEqual(
      [title.split(/ {2,}/).slice(0, 4), row.split(/ {2,}/).slice(0, 4)],
      [
        ['TOKEN', 'NAME', 'SCOPE', 'STATE'],
        ['tok_1', 'ci', 'deploy', 'valid'],
      ],
    );
  });

  it('tells valid, expired and revoked ones apart', async (t) => {
    const tokens = [
      sampleToken(),
      sampleToken({ id: 'tok_2', expires_at: '2026-05-01T11:00:00.000Z' }),
      sampleToken({ id: 'tok_3', revoked_at: '2026-05-01T11:00:00.000Z' }),
    ];
    const { data } = await server(t, () => ({ body: { tokens, next_cursor: null } }));
    const { terminal } = await run(data, ['token', 'list', '--host', 'web-1']);
    assert.deepEqual(
      terminal
        .out()
        .split('\n')
        .slice(1, 4)
        .map((line) => line.split(/ +/).slice(0, 3)),
      [
        ['tok_1', 'agent', 'valid'],
        ['tok_2', 'agent', 'expired'],
        ['tok_3', 'agent', 'revoked'],
      ],
    );
  });
});

describe('event list', () => {
  const event = {
    id: 42,
    at: '2026-05-01T11:59:48.000Z',
    kind: 'host_offline',
    host: 'web-1',
    rollout_id: null,
    data: { silent_ms: 128_000, offline_after_seconds: 120 },
  };
  it('prints one line an event', async (t) => {
    const { data } = await server(t, ({ path }) => {
      if (path.startsWith('/v1/releases')) return { body: { releases: [], next_cursor: null } };
      return { body: path.includes('after=0') ? { events: [event], next: 42 } : { events: [], next: 42 } };
    });
    const { terminal } = await run(data, ['event', 'list']);
    assert.equal(
      terminal.out(),
      '    42  2026-05-01T11:59:48.000Z  web-1                 went offline after 2 min 8 s of silence\n',
    );
  });

  it('stops at --limit, and goes on after --follow came back to a server that was away', async (t) => {
    let streams = 0;
    const { data } = await server(t, ({ path }) => {
      if (path.startsWith('/v1/events')) return { body: { events: [event], next: 42 } };
      streams += 1;
      if (streams === 2)
        return { status: 503, body: { type: 'about:blank', title: 'x', status: 503, detail: 'the server restarts' } };
      return eventStream(path.includes('after=0') ? [event] : [{ ...event, id: 43 }]);
    });
    const { code, terminal } = await run(data, ['event', 'list', '--follow', '--limit', '2', '--json']);
    assert.equal(code, 0);
    assert.deepEqual(
      terminal
        .out()
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id),
      [42, 43],
    );
    assert.equal(terminal.err(), 'the server restarts. Waiting for the server.\nThe server is back.\n');
  });
});

describe('budget', () => {
  it('sets what was asked for, and says what it means', async (t) => {
    const { api, data } = await server(t, () => ({ body: BUDGET }));
    const { code, terminal } = await run(data, ['budget', 'set', 'rack=a', '--max-in-flight', '2']);
    const { method, path, body } = api.seen[0] ?? {};
    assert.deepEqual([method, path, body], ['PUT', '/v1/budgets/rack%3Da', { max_in_flight: 2 }]);
    assert.deepEqual([code, terminal.out()], [0, "At most 2 hosts with the label 'rack=a' may change at once.\n"]);
  });

  it('exits 2 without a limit', async (t) => {
    const { data } = await server(t, () => ({ body: BUDGET }));
    const { code, terminal } = await run(data, ['budget', 'set', 'rack=a']);
    assert.deepEqual(
      [code, terminal.err()],
      [2, 'error: --max-in-flight is not given: write for example --max-in-flight 1.\n'],
    );
  });

  it('lists who takes up the places', async (t) => {
    const { data } = await server(t, () => ({ body: { budgets: [BUDGET] } }));
    const { terminal } = await run(data, ['budget', 'list']);
    assert.match(terminal.out(), /^rack=a +2 +1 +web-1$/m);
  });

  it('says what to do next when there are none', async (t) => {
    const { data } = await server(t, () => ({ body: { budgets: [] } }));
    const { code, terminal } = await run(data, ['budget', 'list']);
    assert.deepEqual([code, terminal.out()], [0, '']);
    assert.match(terminal.err(), /nexus budget set KEY=VALUE --max-in-flight N/);
  });

  it('removes one', async (t) => {
    const { api, data } = await server(t, () => ({ body: BUDGET }));
    const { terminal } = await run(data, ['budget', 'remove', 'rack=a']);
    assert.deepEqual([api.seen[0]?.method, api.seen[0]?.path], ['DELETE', '/v1/budgets/rack%3Da']);
    assert.equal(terminal.out(), "Removed the budget 'rack=a'.\n");
  });
});
