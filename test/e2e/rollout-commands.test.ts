/**
 * An operator's day with releases and rollouts: the real program against a real server. The hosts are scripted agents
 * that speak the contract over HTTP and do as the test says, so that every moment can be looked at.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Client } from 'undici';
import * as z from 'zod';
import { dispatchBodySchema } from '../../src/wire/agent-event.ts';
import { mintedTokenBodySchema } from '../../src/wire/operator.ts';
import { releaseListBodySchema } from '../../src/wire/release.ts';
import { replayBodySchema, rolloutBodySchema, rolloutPlanBodySchema } from '../../src/wire/rollout.ts';
import { HUNG_AFTER_MS } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';
import { nexusCommand } from './support/nexus-command.ts';
import { NexusServer, scratchDirectory } from './support/nexus-server.ts';
import { post } from './support/simulated-agent.ts';

type Dispatch = z.output<typeof dispatchBodySchema>;

/** One host as the server sees it; it does nothing by itself. */
class ScriptedAgent {
  readonly name: string;
  readonly #client: Client;
  readonly #token: string;
  #seq = 0;
  #dispatch: Dispatch | undefined;

  constructor(test: TestContext, url: string, name: string, token: string) {
    this.name = name;
    this.#token = token;
    this.#client = new Client(url);
    afterwards(test, () => this.#client.destroy());
  }

  async tick(): Promise<void> {
    const body = { recorded_at: new Date().toISOString(), host: { metrics: {} }, containers: [] };
    assert.equal((await post(this.#client, '/agent/telemetry', this.#token, body)).status, 204);
  }

  /** Takes what is offered and says what runs now. */
  async take(currentRelease: string | null): Promise<void> {
    const answer = await this.#client.request({
      method: 'GET',
      path: '/v1/agent/dispatch?wait=10',
      headers: { authorization: `Bearer ${this.#token}` },
    });
    const text = await answer.body.text();
    assert.equal(answer.statusCode, 200, `${this.name} is offered nothing: ${text}`);
    this.#dispatch = dispatchBodySchema.parse(JSON.parse(text));
    this.#seq = 0;
    await this.report({ type: 'dispatch_ack', current_release: currentRelease, received_at: now() });
  }

  async activate(): Promise<void> {
    const { release } = this.#current();
    await this.report({ type: 'activation_started', started_at: now(), method: 'compose' });
    await this.report({ type: 'activation_completed', observed_release: release, exit_code: 0, completed_at: now() });
    const probes = [{ name: 'front', mode: 'enforce' }];
    await this.report({ type: 'probe_topology_declared', probes, declared_at: now() });
    await this.probe('pass', null);
  }

  async probe(status: 'pass' | 'fail', reason: string | null): Promise<void> {
    const observed = { observed_at: now(), failure_reason: reason };
    await this.report({ type: 'probe_result', probe: 'front', mode: 'enforce', status, ...observed });
  }

  /** Waits for the end of the soak and converges. */
  async converge(): Promise<void> {
    const { release, soak_seconds: soakSeconds } = this.#current();
    await setTimeout(soakSeconds * 1000 + 50);
    await this.report({ type: 'converged', converged_at: now(), current_release: release });
  }

  async fail(): Promise<void> {
    const cause = { sustained_seconds: 1, failing_probes: ['front'], policy_applied: 'rollback-and-halt' };
    await this.report({ type: 'failed', failed_at: now(), ...cause });
  }

  async goBackTo(release: string | null): Promise<void> {
    await this.report({ type: 'rollback_completed', reverted_to_release: release, exit_code: 0, completed_at: now() });
  }

  async report(event: Record<string, unknown>): Promise<void> {
    this.#seq += 1;
    const body = {
      hostname: this.name,
      rollout_id: this.#current().rollout_id,
      event: { ...event, seq: this.#seq },
      signature: null,
    };
    const answer = await post(this.#client, '/v1/agent/events', this.#token, body);
    assert.equal(answer.status, 204, `${this.name} ${String(event['type'])}: ${answer.text}`);
  }

  #current(): Dispatch {
    assert.ok(this.#dispatch !== undefined, `${this.name} has taken something`);
    return this.#dispatch;
  }
}

function now(): string {
  return new Date().toISOString();
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Operator {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  end(...args: string[]): Promise<Ended> {
    const { file, args: before } = nexusCommand();
    return new Promise((resolve) => {
      const all = [...before, ...args, '--data', this.#dataDir];
      const child = execFile(file, all, { env: {}, timeout: HUNG_AFTER_MS }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
    });
  }

  /** A command that must succeed; returns its stdout without the last line break. */
  async run(...args: string[]): Promise<string> {
    const ended = await this.end(...args);
    assert.equal(ended.code, 0, `nexus ${args.join(' ')}: ${ended.stderr}`);
    return ended.stdout.trimEnd();
  }

  async json<S extends z.ZodType>(schema: S, ...args: string[]): Promise<z.output<S>> {
    return schema.parse(JSON.parse(await this.run(...args, '--json')));
  }

  /** Follows a rollout in a pipe until it ends by itself. */
  watch(test: TestContext, id: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
    const { file, args } = nexusCommand();
    const child = spawn(file, [...args, 'rollout', 'watch', id, '--data', this.#dataDir], { env: {} });
    afterwards(test, () => child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return { child, ended: once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr })) };
  }
}

interface GateContext {
  readonly operator: Operator;
  readonly agents: readonly [ScriptedAgent, ScriptedAgent, ScriptedAgent];
  createRelease(version: string): Promise<string>;
}

async function setTheScene(t: TestContext): Promise<GateContext> {
  const directory = scratchDirectory(t);
  const dataDir = path.join(directory, 'data');
  const server = await NexusServer.start(t, { dataDir });
  const operator = new Operator(dataDir);
  const compose = path.join(directory, 'compose.yaml');
  writeFileSync(compose, 'services:\n  front:\n    image: nginx:1.27\n');
  const addAgent = async (name: string): Promise<ScriptedAgent> => {
    // A busy machine must not make silent hosts of agents that have nothing to say.
    await operator.run('host', 'add', name, '--label', 'role=web', '--offline-after', '1h');
    const { token } = await operator.json(mintedTokenBodySchema, 'token', 'create', '--host', name);
    const agent = new ScriptedAgent(t, server.url, name, token);
    await agent.tick();
    return agent;
  };
  return {
    operator,
    agents: [await addAgent('web-1'), await addAgent('web-2'), await addAgent('web-3')],
    createRelease: (version) =>
      operator.run(
        ...['release', 'create', '--stack', 'shop', '--version', version, '--compose', compose],
        ...['--probe-http', 'front=http://127.0.0.1:8080/', '--soak', '1s', '--sustained-failure', '1s'],
      ),
  };
}

const TO_ALL = ['--selector', 'role=web', '--waves', '1,100%'];

function wordsOf(log: string): string[][] {
  return log
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/).slice(1));
}

test('a release converges through its waves, paused and resumed on the way', async (t) => {
  const { operator, agents, createRelease } = await setTheScene(t);
  const [first, second, third] = agents;
  const digest = await createRelease('1.4');
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await createRelease('1.4'), digest);

  const plan = await operator.json(rolloutPlanBodySchema, 'rollout', 'plan', 'shop@1.4', ...TO_ALL);
  assert.deepEqual(
    plan.waves.map((wave) => wave.hosts.map((host) => host.name)),
    [['web-1'], ['web-2', 'web-3']],
  );
  assert.equal(await operator.run('rollout', 'list'), '');

  const id = await operator.run('rollout', 'create', digest.slice(7, 13), ...TO_ALL);
  const watch = operator.watch(t, id);
  await first.take(null);
  await first.activate();
  await operator.run('rollout', 'pause', id);
  await first.converge();
  assert.match(await operator.run('rollout', 'explain', id), /has been paused for .*nexus rollout resume/);
  assert.match(await operator.run('rollout', 'explain', id, 'web-2'), /^web-2 has been pending for .*paused/);
  await operator.run('rollout', 'resume', 'latest');
  for (const agent of [second, third]) await agent.take(null);
  assert.match(
    await operator.run('rollout', 'explain', id, 'web-3'),
    /^web-3 has been activating shop 1\.4 \([0-9a-f]{12}\) for/,
  );
  for (const agent of [second, third]) await agent.activate();
  await Promise.all([second.converge(), third.converge()]);

  const ended = await watch.ended;
  assert.equal(ended.code, 0, ended.stderr);
  const told = wordsOf(ended.stdout);
  for (const line of [
    ['web-1', 'accepted the release and is activating it'],
    ['web-1', "probe 'front' passes"],
    ['–', 'rollout paused'],
    ['–', 'rollout resumed'],
    ['–', 'wave 2 started'],
    ['web-3', 'converged'],
    ['–', 'rollout converged'],
  ]) {
    assert.ok(
      told.some((words) => words.join('|') === line.join('|')),
      `${line.join(' ')} in\n${ended.stdout}`,
    );
  }
  assert.match(ended.stderr, / converged (?:just now|.* ago)\. Hosts: 3 converged\./);

  const shown = await operator.json(rolloutBodySchema, 'rollout', 'show', 'latest');
  assert.equal(shown.state, 'converged');
  assert.match(await operator.run('rollout', 'list'), new RegExp(`^${id} +shop 1\\.4 .* converged +3 / 3 `, 'm'));
  const replay = await operator.json(replayBodySchema, 'rollout', 'replay', id);
  assert.deepEqual([replay.equal, replay.differences, replay.hosts], [true, [], 3]);
});

test('a canary that fails is rolled back, its release quarantined and refused until it is lifted', async (t) => {
  const { operator, agents, createRelease } = await setTheScene(t);
  const [first] = agents;
  const digest = await createRelease('1.5');
  const id = await operator.run('rollout', 'create', 'shop@1.5', ...TO_ALL);
  const watch = operator.watch(t, id);
  await first.take(null);
  await first.activate();
  await first.probe('fail', 'HTTP 502');
  assert.match(
    await operator.run('rollout', 'explain', id, 'web-1'),
    /probe 'front' has been failing for .* \(HTTP 502\) and fails the host after 1 s/,
  );
  await first.fail();
  assert.match(
    await operator.run('rollout', 'explain', id, 'web-1'),
    /its agent is removing it, because nothing ran there before, and has not reported the result yet/,
  );
  await setTimeout(1_500);
  assert.equal(watch.child.exitCode, null, 'a rollback is owed: there is something to watch');
  await first.goBackTo(null);
  const ended = await watch.ended;
  assert.equal(ended.code, 1);
  assert.deepEqual(wordsOf(ended.stdout).at(-1), ['web-1', 'rolled back and runs nothing now (first deploy)']);
  assert.match(ended.stderr, /was halted .*'web-1' failed/);
  assert.match(await operator.run('rollout', 'explain', id), /^2 hosts were not touched \(web-2, web-3\)\.$/m);

  const { releases } = await operator.json(releaseListBodySchema, 'release', 'list');
  assert.deepEqual(
    releases.map((release) => [release.digest, release.quarantine?.host, release.quarantine?.failing_probes]),
    [[digest, 'web-1', ['front']]],
  );
  assert.match(
    await operator.run('release', 'show', 'shop@1.5'),
    /^Quarantined .*: probe 'front' failed on web-1 in rollout/m,
  );

  assert.match(await operator.run('rollout', 'plan', 'shop@1.5', '--host', 'web-2'), /web-2 +hold +.*quarantined/);
  const refused = await operator.end('rollout', 'create', 'shop@1.5', '--host', 'web-2');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is quarantined: probe 'front' failed on web-1 .* nexus release lift [0-9a-f]{12}/);

  await operator.run('release', 'lift', digest.slice(7, 19), '--reason', 'the proxy was down');
  const again = await operator.end('release', 'lift', digest, '--reason', 'x');
  assert.equal(again.code, 1);
  const next = await operator.run('rollout', 'create', 'shop@1.5', '--host', 'web-2');
  const [, second] = agents;
  await second.take(null);
  await second.activate();
  await second.converge();
  const done = await operator.end('rollout', 'watch', next);
  assert.equal(done.code, 0, done.stderr);
  for (const one of [id, next]) {
    assert.match(await operator.run('rollout', 'replay', one), /the result equals what is stored/);
  }
});

test('an aborted rollout brings back what it touched, by a rollout of its own', async (t) => {
  const { operator, agents, createRelease } = await setTheScene(t);
  const [first] = agents;
  const old = await createRelease('1.4');
  await createRelease('1.5');
  const id = await operator.run('rollout', 'create', 'shop@1.5', ...TO_ALL);
  await first.take(old);
  await first.activate();
  const aborted = await operator.json(
    rolloutBodySchema.extend({ rollbacks: z.array(z.string()) }),
    ...['rollout', 'abort', id, '--rollback', '--reason', 'wrong config'],
  );
  assert.deepEqual([aborted.state, aborted.reason, aborted.rollbacks.length], ['aborted', 'wrong config', 1]);
  await first.converge();
  const [back = ''] = aborted.rollbacks;
  const watch = operator.watch(t, back);
  await first.take(aborted.release);
  await first.activate();
  await first.converge();
  const ended = await watch.ended;
  assert.equal(ended.code, 0, ended.stderr);
  const gone = await operator.end('rollout', 'watch', id);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /was aborted (?:.* ago|just now): wrong config/);
  for (const one of [id, back])
    assert.match(await operator.run('rollout', 'replay', one), /the result equals what is stored/);
});

test('usage and missing things are said with what to do, and exit 2 and 1', async (t) => {
  const { operator, createRelease } = await setTheScene(t);
  await createRelease('1.4');
  const rows: Array<[string, number, RegExp]> = [
    ['rollout show latest', 1, /there is no rollout yet.*nexus rollout create/],
    ['rollout create shop@1.4', 2, /--selector KEY=VALUE/],
    ['rollout create shop@1.4 --selector role=db', 1, /role=db.*nexus host list/],
    ['rollout create shop@1.4 --host web-1 web-2 --waves 50%', 1, /100%/],
    ['rollout create shop@9 --host web-1', 1, /nexus release list/],
    ['release lift shop@1.4 --reason x', 1, /not quarantined/],
  ];
  for (const [line, code, reason] of rows) {
    const ended = await operator.end(...line.split(' '));
    assert.deepEqual([ended.code, ended.stdout], [code, ''], line);
    assert.match(ended.stderr, reason);
  }
});
