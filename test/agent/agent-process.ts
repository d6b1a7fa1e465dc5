import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { telemetrySchema } from '../../src/wire/telemetry.ts';
import { nexusCommand } from '../e2e/support/nexus-command.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import type { ScriptedServer } from './telemetry/scripted-server.ts';

export interface AgentProcess {
  readonly pid: number;
  /** Everything it has logged. */
  log(): string;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** `nexus agent` as a process of its own, with a state directory of its own; ended with the test whatever happens. */
export function startAgentProcess(t: TestContext, url: string, env: Record<string, string>): AgentProcess {
  const stateDir = mkdtempSync(join(tmpdir(), 'agent-'));
  const { file, args } = nexusCommand();
  const child = spawn(file, [...args, 'agent'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NEXUS_URL: url,
      NEXUS_AGENT_TOKEN: 'nxa_token123',
      NEXUS_AGENT_STATE_DIR: stateDir,
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (piece: Buffer) => {
    log += piece.toString();
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM');
    return exited;
  };
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(stateDir, { recursive: true, force: true });
  });
  return { pid: child.pid ?? -1, log: () => log, stop };
}

export type ReceivedTick = ReturnType<typeof readTicks>[number];

/** Every live tick a scripted server has received, read by the wire's own schema, with the moment it arrived. */
export function readTicks(server: ScriptedServer) {
  return server.received
    .filter(({ path }) => path === '/agent/telemetry')
    .map(({ json, atMs }) => {
      const body = telemetrySchema.parse(JSON.parse(json));
      const containers = body.containers ?? null;
      return {
        atMs,
        recordedAtMs: Date.parse(body.recorded_at),
        host: body.host,
        containers,
        named: (name: string) => containers?.find((container) => container.name === name),
      };
    });
}

/** Waits for the first tick that `holds`, of those recorded from `fromMs` on. */
export async function waitForTick(
  server: ScriptedServer,
  what: string,
  holds: (tick: ReceivedTick) => boolean,
  fromMs = 0,
): Promise<ReceivedTick> {
  const find = (): ReceivedTick | undefined =>
    readTicks(server).find((tick) => tick.recordedAtMs >= fromMs && holds(tick));
  await waitUntil(what, () => find() !== undefined);
  const tick = find();
  if (tick === undefined) throw new Error(`${what} came and went`);
  return tick;
}
