/** The server goes away under a running agent and comes back: its history has no hole. Needs no engine. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAgentProcess } from '../agent/agent-process.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { NexusServer, scratchDirectory } from './support/nexus-server.ts';

/** Two minutes on CI, as the requirement has it; a developer need not wait that long. */
const OUTAGE_MS = process.env['CI'] === 'true' ? 120_000 : 12_000;
const INTERVAL_MS = 2_000;
const HOST = 'web-1';

test(`a server that is away for ${OUTAGE_MS / 1000} s leaves no hole in a host’s history`, async (t) => {
  const dataDir = join(scratchDirectory(t), 'data');
  let server = await NexusServer.start(t, { dataDir, agentRateLimit: 0 });
  const { token } = await server.operator(t).createHost({ name: HOST, token: true });
  assert.ok(token);
  const agent = startAgentProcess(t, server.url, {
    NEXUS_AGENT_TOKEN: token.token,
    NEXUS_AGENT_INTERVAL_SECONDS: String(INTERVAL_MS / 1000),
    NEXUS_AGENT_DOCKER_HOST: join(dataDir, 'no-engine.sock'),
  });
  const times = async (): Promise<number[]> => {
    const { points } = await server.operator(t).hostHistory(HOST);
    return points.map(({ recorded_at }) => Date.parse(recorded_at));
  };
  await waitUntil('three ticks', async () => (await times()).length >= 3);

  const listen = new URL(server.url).host;
  await server.kill();
  const downAtMs = Date.now();
  await sleep(OUTAGE_MS);
  server = await NexusServer.start(t, { dataDir, listen, agentRateLimit: 0 });
  const upAtMs = Date.now();

  await waitUntil('the host to be live again', async () => {
    const newest = Math.max(...(await times()));
    return newest > upAtMs - INTERVAL_MS;
  });
  await waitUntil('the time in between to be filled', async () => {
    const within = (await times()).filter((time) => time > downAtMs && time < upAtMs);
    return within.length >= Math.floor(OUTAGE_MS / INTERVAL_MS) - 1;
  });
  assert.equal(await agent.stop(), 0);
  const sorted = (await times()).sort((a, b) => a - b);
  // The first tick comes at once; from the second on they are an interval apart.
  const gaps = sorted.slice(2).map((time, index) => time - (sorted[index + 1] ?? 0));
  assert.ok(Math.max(...gaps) < 1.5 * INTERVAL_MS, JSON.stringify(gaps));
  assert.equal(new Set(sorted).size, sorted.length);
});
