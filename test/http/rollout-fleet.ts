/** A stack, its releases and its hosts on a real server, with the agents' half of the conversation by hand. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { AgentEventType, HostState } from '../../src/domain/rollout.ts';
import { dispatchBodySchema } from '../../src/wire/agent-event.ts';
import { releaseBodySchema } from '../../src/wire/release.ts';
import { type ReplayBody, type RolloutBody, replayBodySchema, rolloutBodySchema } from '../../src/wire/rollout.ts';
import { FleetServer, type FleetServerOptions } from './fleet-server.ts';
import type { Reply } from './http-client.ts';

type Fields = Readonly<Record<string, unknown>>;

export class RolloutFleet {
  readonly server: FleetServer;
  readonly #tokens = new Map<string, string>();
  #ticks = 0;

  private constructor(server: FleetServer) {
    this.server = server;
  }

  /** Hosts that are online. */
  static async start(
    test: Pick<TestContext, 'after'>,
    names: readonly string[],
    options: FleetServerOptions = {},
  ): Promise<RolloutFleet> {
    const fleet = new RolloutFleet(await FleetServer.start(test, options));
    for (const name of names) await fleet.addHost(name);
    return fleet;
  }

  async addHost(name: string, fields: Fields = {}): Promise<void> {
    this.#tokens.set(name, (await this.server.operator.addHost(name, fields)).token);
    await this.report(name);
  }

  tokenOf(name: string): string {
    const token = this.#tokens.get(name);
    assert(token !== undefined, `${name} has a token`);
    return token;
  }

  /** One tick, later than the one before. */
  async report(name: string, more: Fields = {}): Promise<void> {
    this.#ticks += 1;
    const recordedAtMs = this.server.clock.nowMs() + this.#ticks;
    const body = { recorded_at: new Date(recordedAtMs).toISOString(), host: { metrics: {} }, ...more };
    assert.equal(await this.server.report(this.tokenOf(name), body), 204);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const reply = await this.server.operator.send(method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.body}`);
    return JSON.parse(reply.body);
  }

  /** Returns its digest. */
  async addRelease(version: string, policy: Fields = {}, stack = 'web'): Promise<string> {
    const compose = `services:\n  web:\n    image: example:${version}\n`;
    const manifest = { kind: 'nexus.release/1', stack, version, compose, policy };
    return releaseBodySchema.parse(await this.#ask('POST', '/v1/releases', manifest)).digest;
  }

  async createRollout(release: string, hosts: readonly string[], more: Fields = {}): Promise<RolloutBody> {
    const body = { release, hosts, waves: [{ percent: 100 }], max_in_flight: 100, ...more };
    return rolloutBodySchema.parse(await this.#ask('POST', '/v1/rollouts', body));
  }

  async rollout(id: string): Promise<RolloutBody> {
    return rolloutBodySchema.parse(await this.#ask('GET', `/v1/rollouts/${id}`));
  }

  async steer(id: string, order: string, body?: unknown): Promise<RolloutBody> {
    return rolloutBodySchema.parse(await this.#ask('POST', `/v1/rollouts/${id}/${order}`, body));
  }

  async replay(id: string): Promise<ReplayBody> {
    return replayBodySchema.parse(await this.#ask('POST', `/v1/rollouts/${id}/replay`));
  }

  /** Null: nothing to do. */
  async poll(name: string, waitSeconds = 0) {
    const headers = { authorization: `Bearer ${this.tokenOf(name)}` };
    const reply = await this.server.agents.send({
      method: 'GET',
      path: `/v1/agent/dispatch?wait=${waitSeconds}`,
      headers,
    });
    if (reply.status === 204) return null;
    assert.equal(reply.status, 200, reply.body);
    return dispatchBodySchema.parse(JSON.parse(reply.body));
  }

  /** Posts one event as the agent of `name`; `more` overrides any field. */
  send(name: string, rolloutId: string, seq: number, event: Fields): Promise<Reply> {
    const body = { hostname: name, rollout_id: rolloutId, event: { ...event, seq }, signature: null };
    return this.server.post('/v1/agent/events', this.tokenOf(name), body);
  }

  /** Brings a dispatched host into a state by the shortest way. Returns the last number it used. */
  async bring(name: string, rolloutId: string, release: string, state: HostState): Promise<number> {
    let seq = 0;
    for (const type of WAY_TO[state]) {
      seq += 1;
      const reply = await this.send(name, rolloutId, seq, eventOf(type, release));
      assert.equal(reply.status, 204, `${name}: ${type}: ${reply.body}`);
    }
    return seq;
  }
}

const AT = '2026-03-01T12:00:00Z';

/** A complete event of each type, as an agent that means `release` would send it. */
export function eventOf(type: AgentEventType, release: string): Fields {
  const fields: Record<AgentEventType, Fields> = {
    dispatch_ack: { current_release: null, received_at: AT },
    dispatch_refused: { reason: 'epoch', detail: 'its epoch 1 is lower than 7', agent_epoch: 7 },
    activation_started: { started_at: AT, method: 'compose' },
    activation_completed: { observed_release: release, exit_code: 0, completed_at: AT },
    activation_deferred: { reason: 'the disk is busy', deferred_at: AT },
    activation_failed: { exit_code: 1, stderr_tail: 'no such image', failed_at: AT },
    probe_topology_declared: { probes: [{ name: 'health:web', mode: 'enforce' }], declared_at: AT },
    probe_observed_first: { probe: 'health:web', mode: 'enforce', observed_at: AT },
    probe_result: { probe: 'health:web', mode: 'enforce', status: 'pass', observed_at: AT, failure_reason: null },
    probe_failure_first: { probe: 'log', mode: 'observe', first_failed_at: AT },
    failed: {
      failed_at: AT,
      sustained_seconds: 15,
      failing_probes: ['health:web'],
      policy_applied: 'rollback-and-halt',
    },
    rollback_completed: { reverted_to_release: null, exit_code: 0, completed_at: AT },
    rollback_failed: { exit_code: 1, output_tail: 'no such image', failed_at: AT },
    converged: { converged_at: AT, current_release: release },
  };
  return { type, ...fields[type] };
}

const WAY_TO: Record<HostState, readonly AgentEventType[]> = {
  pending: [],
  activating: ['dispatch_ack'],
  deferred: ['dispatch_ack', 'activation_deferred'],
  soaking: ['dispatch_ack', 'activation_started', 'activation_completed'],
  failed: ['dispatch_ack', 'activation_started', 'activation_completed', 'failed'],
  converged: ['dispatch_ack', 'activation_completed', 'converged'],
  reverted: ['dispatch_ack', 'activation_completed', 'failed', 'rollback_completed'],
};
