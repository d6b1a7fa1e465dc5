/** The appliance as it is shipped, on a port of its own, with the clock in the test's hand. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Appliance, openAppliance } from '../../src/main.ts';
import type { MintedTokenBody } from '../../src/wire/operator.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import { HttpClient, type Reply, targetOf } from '../http/http-client.ts';
import { Operator } from '../http/operator.ts';

export const NOON = '2026-03-01T12:00:00Z';

export interface ReportingHost {
  readonly name: string;
  readonly token: MintedTokenBody;
}

/** Everything an operator can see of one host, and of the fleet around it, as text to compare. */
export interface Snapshot {
  readonly host: string;
  readonly tokens: string;
  readonly containers: string;
  readonly history: string;
  readonly otherHosts: string;
  readonly events: string;
}

export class ApplianceUnderTest {
  readonly clock: SettableRuntime;
  readonly log: RecordingLog;
  readonly dataDir: string;
  /** How often each status was answered, by any route. */
  readonly statuses = new Map<number, number>();
  readonly #appliance: Appliance;
  /** TCP. */
  readonly agents: HttpClient;
  /** The Unix socket. */
  readonly operator: Operator;
  #hosts = 0;

  static async boot(options: { agentRateLimit?: number } = {}): Promise<ApplianceUnderTest> {
    const clock = new SettableRuntime(NOON);
    const log = new RecordingLog();
    const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-conformance-'));
    const listen = { host: '127.0.0.1', port: 0 };
    const config = { dataDir, listen, agentRateLimit: options.agentRateLimit ?? 60 };
    return new ApplianceUnderTest(await openAppliance(config, clock, log), clock, log, dataDir);
  }

  private constructor(appliance: Appliance, clock: SettableRuntime, log: RecordingLog, dataDir: string) {
    this.#appliance = appliance;
    this.clock = clock;
    this.log = log;
    this.dataDir = dataDir;
    const onReply = (reply: Reply) => this.#note(reply);
    this.agents = new HttpClient(targetOf(appliance.url), { onReply });
    this.operator = new Operator(new HttpClient({ socketPath: appliance.socketPath }, { onReply }));
  }

  /** What holds of every answer, whatever was asked. */
  #note(reply: Reply): void {
    this.statuses.set(reply.status, (this.statuses.get(reply.status) ?? 0) + 1);
    assert.equal(reply.headers['set-cookie'], undefined, 'no cookie is ever set');
    if (reply.status === 204) assert.equal(reply.body, '');
  }

  async addHost(): Promise<ReportingHost> {
    this.#hosts += 1;
    const name = `host-${this.#hosts}`;
    return { name, token: await this.operator.addHost(name) };
  }

  async snapshot(name: string): Promise<Snapshot> {
    const read = async (requestPath: string) => (await this.operator.send('GET', requestPath)).body;
    const span = 'from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z';
    const [hosts, tokens, containers, history, events] = await Promise.all([
      read('/v1/hosts?limit=10000'),
      read(`/v1/hosts/${name}/tokens`),
      read(`/v1/hosts/${name}/containers`),
      read(`/v1/hosts/${name}/metrics?${span}`),
      read('/v1/events?limit=10000'),
    ]);
    const { hosts: all } = JSON.parse(hosts) as { hosts: Array<{ name: string }> };
    return {
      host: JSON.stringify(all.filter((host) => host.name === name)),
      otherHosts: JSON.stringify(all.filter((host) => host.name !== name)),
      tokens,
      containers,
      history,
      events,
    };
  }

  async close(): Promise<void> {
    this.agents.close();
    this.operator.client.close();
    await this.#appliance.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

export function countTicks(snapshot: Snapshot): number {
  return (JSON.parse(snapshot.history) as { points: unknown[] }).points.length;
}
