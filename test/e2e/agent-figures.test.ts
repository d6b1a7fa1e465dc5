/**
 * What the agent reports beside what the engine itself says, on a real engine: figures over the same interval, by both
 * of the agent's ways to read them, and the list of containers as it changes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as z from 'zod';
import { type Engine, importBusybox, runContainer, skipWithoutLab, startEngine } from '../../scripts/lab/engine.ts';
import {
  type AgentProcess,
  type ReceivedTick,
  readTicks,
  startAgentProcess,
  waitForTick,
} from '../agent/agent-process.ts';
import { type ScriptedServer, startScriptedServer } from '../agent/telemetry/scripted-server.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';

const skip = await skipWithoutLab();
const MB = 1_048_576;

async function startLab(t: TestContext): Promise<Engine> {
  const engine = await startEngine();
  afterwards(t, () => engine.stop());
  await importBusybox(engine);
  return engine;
}

interface Watcher {
  readonly server: ScriptedServer;
  readonly agent: AgentProcess;
}

async function watch(t: TestContext, engine: Engine, env: Record<string, string> = {}): Promise<Watcher> {
  const server = await startScriptedServer(t);
  const agent = startAgentProcess(t, server.url.href, {
    NEXUS_AGENT_DOCKER_HOST: engine.dockerHost,
    NEXUS_AGENT_INTERVAL_SECONDS: '2',
    ...env,
  });
  return { server, agent };
}

/** A host root with nothing in it: the agent cannot see a cgroup and has to ask the engine. */
function blindRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'blind-'));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

const statsSchema = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({ usage: z.number(), stats: z.record(z.string(), z.number()), limit: z.number() }),
});

interface EngineReading {
  /** Since the container started. */
  readonly cpuSeconds: number;
  readonly memoryMb: number;
  readonly limitMb: number;
}

/** What `docker stats` works from. */
async function readEngine(engine: Engine, id: string): Promise<EngineReading> {
  const { body } = await engine.call({ path: `/containers/${id}/stats?stream=false&one-shot=true` });
  const { cpu_stats: cpu, memory_stats: memory } = statsSchema.parse(body);
  const cache = memory.stats['total_inactive_file'] ?? memory.stats['inactive_file'] ?? 0;
  return {
    cpuSeconds: cpu.cpu_usage.total_usage / 1e9,
    memoryMb: (memory.usage - cache) / MB,
    limitMb: memory.limit / MB,
  };
}

/** What a container has used from the first of these ticks to the last: each says the mean since the one before it. */
function agentCpuSeconds(ticks: readonly ReceivedTick[], name: string): number {
  return ticks.slice(1).reduce((sum, tick, index) => {
    const seconds = (tick.recordedAtMs - (ticks[index]?.recordedAtMs ?? 0)) / 1000;
    return sum + ((tick.named(name)?.metrics?.cpu_percent ?? Number.NaN) / 100) * seconds;
  }, 0);
}

function isNear(actual: number, expected: number): boolean {
  return Math.abs(actual - expected) <= expected * 0.1;
}

function assertMemory(actual: number | null | undefined, expectedMb: number, what: string): void {
  assert.ok(actual !== null && actual !== undefined, `${what} is missing`);
  const allowedMb = Math.max(3, expectedMb * 0.1);
  assert.ok(Math.abs(actual - expectedMb) <= allowedMb, `${what}: ${actual}, and the engine says ${expectedMb} MB`);
}

// Half a core of work in bursts, 40 MB of its own memory, and 30 MB of page cache that must not be counted.
const BUSY = [
  'sh',
  '-c',
  'dd if=/dev/zero of=/cache bs=1M count=30 2>/dev/null; x=$(dd if=/dev/zero bs=1M count=20 2>/dev/null | tr "\\0" x);' +
    ' touch /ready; while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05; done',
];

/** Of the busy container: what the two accounts are compared over, at the least. */
const ENOUGH_CPU_SECONDS = 2;

/** It has the memory that it will have. */
async function untilAtWork(engine: Engine): Promise<void> {
  await waitUntil('the busy container to be at work', async () => {
    await engine.docker(['exec', 'busy', 'cat', '/ready']);
    return true;
  });
}

test('CPU and memory of a busy and an idle container agree with the engine’s own, by cgroup files and by asking it', {
  skip,
}, async (t) => {
  const engine = await startLab(t);
  const ids = new Map([
    ['busy', await runContainer(engine, { name: 'busy', command: BUSY, memory_bytes: 256 * MB })],
    ['idle', await runContainer(engine, { name: 'idle' })],
  ]);
  await untilAtWork(engine);

  for (const [way, env] of [
    ['cgroup files', {}],
    ['asking the engine', { NEXUS_AGENT_HOST_ROOT: blindRoot(t) }],
  ] as const) {
    const { server, agent } = await watch(t, engine, env);
    const readings: Promise<Map<string, EngineReading>>[] = [];
    server.react = () => {
      readings.push(
        Promise.all([...ids].map(async ([name, id]) => [name, await readEngine(engine, id)] as const)).then(
          (entries) => new Map(entries),
        ),
      );
      return 204;
    };
    // The engine is read a moment after the agent has read: the longer the span, the less that moment matters.
    await waitUntil(`the agent and the engine to agree on the CPU of a busy container by ${way}`, async () => {
      // From the second tick on: the first one comes at once, while the agent is still starting.
      const ticks = readTicks(server).slice(1);
      const [first, last] = [await readings[1], await readings[ticks.length]];
      const engineSeconds = (last?.get('busy')?.cpuSeconds ?? 0) - (first?.get('busy')?.cpuSeconds ?? 0);
      if (engineSeconds < ENOUGH_CPU_SECONDS) return false;
      const agentSeconds = agentCpuSeconds(ticks, 'busy');
      if (isNear(agentSeconds, engineSeconds)) return true;
      throw new Error(`${agentSeconds} s, and the engine says ${engineSeconds} s`);
    });
    await agent.stop();
    const [tick, reading] = [readTicks(server).at(-1), await readings.at(-1)];
    for (const name of ids.keys()) {
      const is = reading?.get(name);
      assert.ok(is);
      const metrics = tick?.named(name)?.metrics;
      assertMemory(metrics?.memory_usage_mb, is.memoryMb, `memory of ${name} by ${way}`);
      assert.equal(metrics?.memory_limit_mb, Math.round(is.limitMb));
    }
    assert.ok((tick?.named('busy')?.metrics?.memory_usage_mb ?? 0) >= 15, 'a busy container has memory of its own');
    assert.ok((tick?.named('idle')?.metrics?.cpu_percent ?? 100) < 3, 'an idle container does nothing');
    assert.match(
      agent.log(),
      way === 'cgroup files' ? /following the Docker Engine/ : /their figures are read from the engine/,
    );
  }
});

test('the agent’s figures agree with those the docker command line prints', { skip }, async (t) => {
  const engine = await startLab(t);
  await runContainer(engine, { name: 'busy', command: BUSY, memory_bytes: 256 * MB });
  await untilAtWork(engine);
  const { server } = await watch(t, engine, { NEXUS_AGENT_INTERVAL_SECONDS: '1' });
  const { stdout } = await engine.docker(['stats', '--no-stream', '--format', '{{.MemUsage}}', 'busy']);
  const printedMb = Number(/^([\d.]+)MiB \/ 256MiB/.exec(stdout)?.[1]);
  const tick = await waitForTick(server, 'the next tick', () => true, Date.now());
  assertMemory(tick.named('busy')?.metrics?.memory_usage_mb, printedMb, 'memory');
  assert.equal(tick.named('busy')?.metrics?.memory_limit_mb, 256);
});

test('what happens between two ticks is in the next one', { skip }, async (t) => {
  const engine = await startLab(t);
  await runContainer(engine, { name: 'first', labels: { role: 'web' } });
  const { server, agent } = await watch(t, engine);
  await waitForTick(server, 'the first container', (tick) => tick.named('first')?.state === 'running');

  const id = await runContainer(engine, {
    name: 'second',
    ports: { 18080: 80 },
    healthcheck: { test: ['CMD', 'true'], interval_ms: 500 },
  });
  let tick = await waitForTick(server, 'the next tick', () => true, Date.now());
  const second = tick.named('second');
  assert.equal(second?.container_id, id);
  assert.equal(second?.state, 'running');
  assert.equal(second?.image, 'nexus-lab/busybox');
  assert.equal(second?.image_tag, '1');
  assert.ok(second?.ports?.includes('0.0.0.0:18080->80/tcp'), JSON.stringify(second?.ports));
  assert.notEqual(second?.metrics?.memory_usage_mb ?? null, null);
  tick = await waitForTick(server, 'the health', ({ named }) => named('second')?.health_status === 'healthy');
  assert.equal(tick.named('second')?.status, 'running (healthy)');

  await engine.docker(['pause', 'first']);
  await engine.docker(['rename', 'second', 'renamed']);
  tick = await waitForTick(server, 'the next tick', () => true, Date.now());
  assert.equal(tick.named('first')?.status, 'paused');
  assert.equal(tick.named('renamed')?.container_id, id);

  await engine.docker(['unpause', 'first']);
  await engine.docker(['kill', 'first']);
  await engine.docker(['restart', '--time', '0', 'renamed']);
  tick = await waitForTick(server, 'the next tick', () => true, Date.now());
  assert.equal(tick.named('first')?.status, 'exited (137)');
  assert.equal(tick.named('first')?.metrics, undefined);
  assert.ok(Date.parse(tick.named('first')?.finished_at ?? '') > 0);
  assert.equal(tick.named('renamed')?.state, 'running');

  await engine.docker(['rm', '--force', 'renamed']);
  tick = await waitForTick(server, 'the next tick', () => true, Date.now());
  assert.deepEqual(
    tick.containers?.map(({ name }) => name),
    ['first'],
  );
  assert.equal(await agent.stop(), 0);
});

test('an engine that stops: the host alone is reported; when it starts again, its containers too', {
  skip,
}, async (t) => {
  const engine = await startLab(t);
  await runContainer(engine, { name: 'web' });
  const { server, agent } = await watch(t, engine, { NEXUS_AGENT_INTERVAL_SECONDS: '1' });
  await waitForTick(server, 'the container', (tick) => tick.named('web')?.state === 'running');
  await engine.kill();
  const alone = await waitForTick(server, 'a tick without containers', (tick) => tick.containers === null);
  assert.ok(alone.host.metrics.memory_used_mb);
  await waitForTick(server, 'one more of them', (tick) => tick.containers === null, alone.recordedAtMs + 1);
  await engine.restart();
  const again = await waitForTick(server, 'containers again', (tick) => tick.containers !== null, alone.recordedAtMs);
  assert.equal(again.named('web')?.state, 'exited');
  await agent.stop();
  assert.equal(agent.log().match(/no Docker Engine answers at/g)?.length, 1, agent.log());
});

test('an engine that hangs: ticks still go out, with what is known', { skip }, async (t) => {
  const engine = await startLab(t);
  await runContainer(engine, { name: 'web' });
  const seeing = await watch(t, engine, { NEXUS_AGENT_INTERVAL_SECONDS: '1' });
  const asking = await watch(t, engine, { NEXUS_AGENT_INTERVAL_SECONDS: '1', NEXUS_AGENT_HOST_ROOT: blindRoot(t) });
  for (const { server } of [seeing, asking]) {
    await waitForTick(server, 'a figure', (tick) => (tick.named('web')?.metrics?.cpu_percent ?? null) !== null);
  }
  await engine.kill('SIGSTOP');
  afterwards(t, () => engine.kill('SIGCONT'));
  const hungAtMs = Date.now();
  // Those whose cgroups it sees are measured without the engine; the others are reported without figures.
  const seen = await waitForTick(seeing.server, 'a tick', () => true, hungAtMs);
  assert.equal(seen.named('web')?.state, 'running');
  assert.notEqual(seen.named('web')?.metrics?.cpu_percent ?? null, null);
  const asked = await waitForTick(
    asking.server,
    'a tick without figures',
    ({ named }) => named('web')?.metrics === undefined,
    hungAtMs,
  );
  assert.equal(asked.named('web')?.state, 'running');
  await engine.kill('SIGCONT');
  const back = await waitForTick(
    asking.server,
    'figures again',
    ({ named }) => named('web')?.metrics !== undefined,
    Date.now(),
  );
  assert.equal(back.named('web')?.state, 'running');
});

test('an agent that starts while the engine hangs reports the host', {
  skip,
}, async (t) => {
  const engine = await startLab(t);
  await engine.kill('SIGSTOP');
  afterwards(t, () => engine.kill('SIGCONT'));
  const { server } = await watch(t, engine);
  const tick = await waitForTick(server, 'a tick', () => true);
  assert.equal(tick.containers, null);
  assert.ok(tick.host.metrics.memory_used_mb);
});
