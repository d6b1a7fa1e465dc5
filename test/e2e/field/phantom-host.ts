/** A host that exists only as telemetry: what a lying or broken agent would have the server believe. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Client } from 'undici';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import { formatInstant } from '../../../src/domain/instant.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { afterwards } from '../support/afterwards.ts';
import { post } from '../support/simulated-agent.ts';

export interface PhantomOptions {
  readonly name: string;
  readonly stack: string;
  readonly serverUrl: string;
  readonly intervalSeconds: number;
  /** Of its one container, by the seconds since it began. */
  readonly memoryMb: (seconds: number) => number;
  /** Default 0. */
  readonly cpuPercent?: (seconds: number) => number;
}

/** Reports until the test is over. */
export async function startPhantomHost(
  test: TestContext,
  operator: NexusClient,
  options: PhantomOptions,
): Promise<void> {
  const { name, stack, serverUrl, intervalSeconds, memoryMb, cpuPercent = () => 0 } = options;
  const { token } = await operator.createHost({ name, token: true, labels: { row: stack } });
  const client = new Client(serverUrl);
  const beganMs = systemRuntime.monotonicMs();
  const report = async (): Promise<void> => {
    const seconds = (systemRuntime.monotonicMs() - beganMs) / 1000;
    const container = {
      container_id: 'f'.repeat(64),
      name: `${stack}-web-1`,
      image: `${stack}/web`,
      image_tag: '1',
      status: 'running',
      state: 'running',
      health_status: 'healthy',
      started_at: '2026-01-31T12:00:00Z',
      labels: { 'com.docker.compose.project': stack, 'com.docker.compose.service': 'web' },
      metrics: { cpu_percent: cpuPercent(seconds), memory_usage_mb: Math.round(memoryMb(seconds)) },
    };
    const host = {
      metrics: { cpu_percent: 1, load_average: 0.1, memory_used_mb: 500, memory_total_mb: 4_000 },
      facts: { cpu_count: 2, memory_total_mb: 4_000, os: 'Debian GNU/Linux 13', docker_version: '28.0.1' },
    };
    const body = { recorded_at: formatInstant(systemRuntime.nowMs()), host, containers: [container] };
    const { status, text } = await post(client, '/agent/telemetry', token?.token ?? '', body);
    assert.equal(status, 204, text);
  };
  await report();
  // A tick that gets lost is as good as one that was not sent.
  const timer = setInterval(() => void report().catch(() => {}), intervalSeconds * 1000);
  afterwards(test, async () => {
    clearInterval(timer);
    await client.destroy();
  });
}
