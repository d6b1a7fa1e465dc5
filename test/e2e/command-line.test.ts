/** The command line as an operator uses it: the real program against a real server, in an empty environment. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  containerListBodySchema,
  createdHostBodySchema,
  hostBodySchema,
  hostHistoryBodySchema,
  hostListBodySchema,
  logEventListBodySchema,
  mintedTokenBodySchema,
  tokenBodySchema,
  tokenListBodySchema,
} from '../../src/wire/operator.ts';
import { HUNG_AFTER_MS } from '../runtime/wait-until.ts';
import { nexusCommand } from './support/nexus-command.ts';
import { launchServer, NexusServer, scratchDirectory, serveToItsEnd } from './support/nexus-server.ts';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function nexus(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const command = nexusCommand();
  return new Promise((resolve) => {
    const child = execFile(
      command.file,
      [...command.args, ...args],
      { env, timeout: HUNG_AFTER_MS },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

interface Operator {
  readonly server: NexusServer;
  /** One operator command over the socket that must succeed; returns its stdout. */
  run(line: string): Promise<string>;
  /** The same with `--json`; returns the one document and sees that nothing else was printed. */
  json(line: string): Promise<unknown>;
  /** One report of this machine with this token; returns the agent's exit code. */
  report(token: string): Promise<number | null>;
}

async function operatorOf(t: TestContext): Promise<Operator> {
  const directory = scratchDirectory(t);
  const dataDir = path.join(directory, 'data');
  const server = await NexusServer.start(t, { dataDir });
  const succeed = async (args: readonly string[]): Promise<Ended> => {
    const ended = await nexus([...args, '--data', dataDir]);
    assert.equal(ended.code, 0, `nexus ${args.join(' ')}: ${ended.stderr}`);
    return ended;
  };
  return {
    server,
    run: async (line) => (await succeed(line.split(' '))).stdout,
    json: async (line) => {
      const { stdout, stderr } = await succeed([...line.split(' '), '--json']);
      assert.equal(stderr, '');
      return JSON.parse(stdout) as unknown;
    },
    report: async (token) => {
      const args = ['agent', '--once', '--state-dir', path.join(directory, 'agent')];
      const env = {
        NEXUS_URL: server.url,
        NEXUS_AGENT_TOKEN: token,
        NEXUS_AGENT_DOCKER_HOST: 'unix:///nonexistent.sock',
      };
      return (await nexus(args, env)).code;
    },
  };
}

test('a host is added, reports, is labelled, looked at and archived', async (t) => {
  const operator = await operatorOf(t);
  const added = createdHostBodySchema.parse(await operator.json('host add web-1 --label role=web --token'));
  assert.equal(added.host.status, 'pending');
  const token = added.token?.token ?? '';
  assert.notEqual(token, '');

  assert.equal(await operator.report(token), 0);
  const host = hostBodySchema.parse(await operator.json('host show web-1'));
  assert.equal(host.status, 'online');
  assert.notEqual(host.metrics?.cpu_percent, null);
  assert.notEqual(host.metrics?.memory_used_mb, null);
  const history = hostHistoryBodySchema.parse(await operator.json('host metrics web-1 --from 1h'));
  assert.equal(history.points.length, 1);
  assert.deepEqual(containerListBodySchema.parse(await operator.json('host containers web-1')).containers, []);

  const labelled = hostBodySchema.parse(await operator.json('host label web-1 zone=a role-'));
  assert.deepEqual(labelled.labels, { zone: 'a' });
  const patient = hostBodySchema.parse(await operator.json('host set web-1 --offline-after 1h'));
  assert.equal(patient.offline_after_seconds, 3_600);

  assert.match(await operator.run('host list'), /^HOST +STATUS .*\nweb-1 +online .* zone=a\n$/);
  assert.match(await operator.run('host show web-1'), /^web-1 {2}online\n/);

  const archived = hostBodySchema.parse(await operator.json('host archive web-1'));
  assert.equal(archived.status, 'archived');
  assert.equal(await operator.report(token), 3);
  assert.equal(await operator.run('host list'), '');
  const all = hostListBodySchema.parse(await operator.json('host list'));
  assert.deepEqual(
    all.hosts.map((one) => [one.name, one.status]),
    [['web-1', 'archived']],
  );
});

test('an agent token is minted, used, rotated and revoked', async (t) => {
  const operator = await operatorOf(t);
  await operator.run('host add web-1');
  const first = (await operator.run('token create --host web-1 --name first --expires 90d')).replace(/\n$/, '');
  assert.match(first, /^\S{20,}$/);
  assert.equal(await operator.report(first), 0);

  const { tokens } = tokenListBodySchema.parse(await operator.json('token list --host web-1'));
  assert.deepEqual(
    tokens.map((token) => [token.kind, token.name, token.last_used_at !== null, token.revoked_at]),
    [['agent', 'first', true, null]],
  );

  const second = mintedTokenBodySchema.parse(await operator.json(`token rotate ${tokens[0]?.id}`));
  assert.equal(await operator.report(first), 3);
  assert.equal(await operator.report(second.token), 0);

  const revoked = tokenBodySchema.parse(await operator.json(`token revoke ${second.id}`));
  assert.notEqual(revoked.revoked_at, null);
  assert.equal(await operator.report(second.token), 3);
});

test('an admin token opens the API over the network, until it is revoked', async (t) => {
  const operator = await operatorOf(t);
  const { url } = operator.server;
  const minted = mintedTokenBodySchema.parse(await operator.json('token create --admin --name laptop'));
  const env = { NEXUS_ADMIN_TOKEN: minted.token };
  assert.equal((await nexus(['host', 'add', 'web-1', '--url', url], env)).code, 0);
  const list = await nexus(['host', 'list', '--json', '--url', url], env);
  assert.deepEqual(
    hostListBodySchema.parse(JSON.parse(list.stdout)).hosts.map((host) => host.name),
    ['web-1'],
  );
  assert.match(await operator.run('token list --admin'), /laptop +admin +valid/);

  await operator.run(`token revoke ${minted.id}`);
  const refused = await nexus(['host', 'list', '--json', '--url', url], env);
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(refused.stderr, /admin token/);
});

test('the events tell what happened, in order, and can be followed from any of them', async (t) => {
  const operator = await operatorOf(t);
  await operator.run('host add web-1');
  await operator.run('host add db-1');
  await operator.run('host label web-1 role=web');
  await operator.run('host archive db-1');
  const all = logEventListBodySchema.parse(await operator.json('event list'));
  assert.deepEqual(
    all.events.map((event) => [event.kind, event.host]),
    [
      ['host_added', 'web-1'],
      ['host_added', 'db-1'],
      ['host_labelled', 'web-1'],
      ['host_archived', 'db-1'],
    ],
  );
  assert.equal(all.next, all.events.at(-1)?.id);
  const later = logEventListBodySchema.parse(
    await operator.json(`event list --after ${all.events[1]?.id} --host db-1`),
  );
  assert.deepEqual(
    later.events.map((event) => event.kind),
    ['host_archived'],
  );
  assert.equal((await operator.run('event list')).trimEnd().split('\n').length, 4);
});

test('failures exit 1 and say what to do', async (t) => {
  const operator = await operatorOf(t);
  await operator.run('host add web-1');
  const { dataDir, url } = operator.server;

  const unknown = await nexus(['host', 'show', 'web1', '--json', '--data', dataDir]);
  assert.deepEqual([unknown.code, unknown.stdout], [1, '']);
  assert.match(unknown.stderr, /web-1/);

  const taken = await nexus(['host', 'add', 'web-1', '--data', dataDir]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /taken/);

  const port = new URL(url).port;
  const busy = await serveToItsEnd(t, { dataDir: `${dataDir}-2`, listen: `127.0.0.1:${port}` });
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, new RegExp(`${port}.*--listen`));

  const twice = await serveToItsEnd(t, { dataDir });
  assert.equal(twice.code, 1);
  assert.match(twice.stderr, /already uses.*--data/);

  await operator.server.stop();
  const stopped = await nexus(['host', 'list', '--data', dataDir]);
  assert.equal(stopped.code, 1);
  assert.ok(stopped.stderr.includes(`nexus serve --data ${dataDir}`), stopped.stderr);
});

test('serve prints one line and ends with 0 at SIGTERM', async (t) => {
  const launch = launchServer(t, { dataDir: path.join(scratchDirectory(t), 'data') });
  let stdout = '';
  launch.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await launch.firstLine;
  launch.child.kill('SIGTERM');
  assert.deepEqual(await launch.exited, { code: 0, signal: null });
  assert.match(stdout, /^nexus listening on http:\/\/127\.0\.0\.1:\d+\n$/);
});

test('a second SIGTERM ends serve at once with 1, though a request is under way', async (t) => {
  const server = await NexusServer.start(t, { dataDir: path.join(scratchDirectory(t), 'data') });
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write('POST /agent/telemetry HTTP/1.1\r\nHost: nexus\r\nContent-Length: 1000\r\n');
  // An answer on another connection shows that the server has read what came before it.
  assert.equal(await server.isAlive(), true);
  server.signal('SIGTERM');
  await server.waitForLog(/stopping/);
  assert.ok(server.isRunning());
  server.signal('SIGTERM');
  assert.deepEqual(await server.waitForExit(), { code: 1, signal: null });
});

test('over TLS, agents and operators with the CA of the server are served, and nobody sends a token without it', async (t) => {
  const directory = scratchDirectory(t);
  const dataDir = path.join(directory, 'data');
  const flags = ['--tls', 'own', '--public-url', 'https://nexus.test:8470'];
  const server = await NexusServer.start(t, { dataDir, flags });
  assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const ca = path.join(dataDir, 'pki', 'ca.pem');
  const added = await nexus(['host', 'add', 'web-1', '--token', '--data', dataDir]);
  assert.match(added.stdout, new RegExp(`^Copy ${ca} to web-1 as /etc/nexus/ca\\.pem`, 'm'));
  const start =
    /NEXUS_URL=https:\/\/nexus\.test:8470 NEXUS_CA=\/etc\/nexus\/ca\.pem NEXUS_AGENT_TOKEN=(\S+) nexus agent/;
  const token = start.exec(added.stdout)?.[1] ?? assert.fail(added.stdout);
  const report = (trust: Record<string, string>): Promise<Ended> =>
    nexus(['agent', '--once', '--url', server.url, '--state-dir', path.join(directory, 'agent')], {
      NEXUS_AGENT_TOKEN: token,
      ...trust,
    });
  assert.equal((await report({})).code, 1);
  assert.equal((await report({ NEXUS_CA: ca })).code, 0);
  const minted = await nexus(['token', 'create', '--admin', '--scope', 'read', '--data', dataDir]);
  const env = { NEXUS_ADMIN_TOKEN: minted.stdout.trim() };
  const listed = await nexus(['host', 'list', '--json', '--url', server.url, '--ca', ca], env);
  assert.deepEqual(
    hostListBodySchema.parse(JSON.parse(listed.stdout)).hosts.map(({ name, status }) => [name, status]),
    [['web-1', 'online']],
  );
  const untrusting = await nexus(['host', 'list', '--url', server.url], env);
  assert.match(untrusting.stderr, /not from a CA that this machine trusts/);
  const plain = await nexus(['host', 'list', '--url', server.url.replace('https', 'http')], env);
  assert.match(plain.stderr, /this port speaks TLS: write https:\/\//);
  const refused = await nexus(['host', 'archive', 'web-1', '--url', server.url, '--ca', ca], env);
  assert.match(refused.stderr, /scope of this token is 'read', and this needs 'admin'/);
});
