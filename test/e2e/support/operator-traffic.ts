/** An operator who adds hosts and rotates tokens while the server may die at any moment. */
import assert from 'node:assert/strict';
import { Client } from 'undici';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import { NexusError } from '../../../src/domain/errors.ts';
import type { SeededRandom } from '../../domain/seeded-random.ts';
import { HostLedger } from './host-ledger.ts';
import { post } from './simulated-agent.ts';

interface Grown {
  readonly name: string;
  tokenId: string;
  token: string;
  /** A rotation of the token got no answer: it may be valid or replaced. */
  doubtful: boolean;
}

const HOSTS_A_RUN = 4;

export class OperatorTraffic {
  readonly #random: SeededRandom;
  readonly #hosts: Grown[] = [];
  /** Plaintexts that were replaced with an answer to show for it. */
  readonly #ended: string[] = [];
  #endedVerified = 0;
  readonly #verified = new Set<string>();
  #count = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get hostCount(): number {
    return this.#hosts.length;
  }

  /** Adds hosts and rotates tokens until `stop` is aborted or the server is gone. */
  async run(operator: NexusClient, stop: AbortSignal): Promise<void> {
    let added = 0;
    while (!stop.aborted) {
      const rotates = this.#hosts.length > 0 && (this.#random.chance(0.5) || added >= HOSTS_A_RUN);
      const answered = rotates
        ? await this.#rotate(operator, this.#random.pick(this.#hosts))
        : await this.#add(operator);
      if (!answered) return;
      if (!rotates) added += 1;
    }
  }

  async #add(operator: NexusClient): Promise<boolean> {
    this.#count += 1;
    const name = `grown-${this.#count}`;
    const created = await answerOf(operator.createHost({ name, labels: { role: 'grown' }, token: true }));
    if (created === undefined) return false;
    assert.ok(created.token !== undefined, 'a token was asked for');
    this.#hosts.push({ name, tokenId: created.token.id, token: created.token.token, doubtful: false });
    return true;
  }

  async #rotate(operator: NexusClient, host: Grown): Promise<boolean> {
    if (host.doubtful) return true;
    const minted = await answerOf(operator.rotateToken(host.tokenId));
    if (minted === undefined) {
      host.doubtful = true;
      return false;
    }
    this.#ended.push(host.token);
    this.#verified.delete(host.name);
    host.tokenId = minted.id;
    host.token = minted.token;
    return true;
  }

  /**
   * Every host is there; its token is taken, and those that were replaced are refused. Only what is new since the last
   * verification is tried, unless `everything` is to be.
   */
  async verify(operator: NexusClient, url: string, everything: boolean): Promise<void> {
    const { hosts } = await operator.listHosts();
    const names = new Set(hosts.map((host) => host.name));
    assert.deepEqual(
      this.#hosts.filter((host) => !names.has(host.name)).map((host) => host.name),
      [],
      'hosts that were added with 201 are lost',
    );
    const client = new Client(url);
    try {
      for (const host of this.#hosts) {
        if ((this.#verified.has(host.name) && !everything) || host.doubtful) continue;
        const ledger = new HostLedger(host.name, host.token);
        const tick = { recorded_at: new Date().toISOString(), host: { metrics: {} } };
        const answer = await post(client, '/agent/telemetry', ledger.token, tick);
        assert.equal(answer.status, 204, `the token of ${host.name} is not taken: ${answer.status} ${answer.text}`);
        this.#verified.add(host.name);
      }
      for (const token of this.#ended.slice(everything ? 0 : this.#endedVerified)) {
        const answer = await post(client, '/agent/telemetry', token, {});
        assert.equal(answer.status, 401, 'a token that was replaced is taken again');
      }
      this.#endedVerified = this.#ended.length;
    } finally {
      await client.destroy();
    }
  }
}

/** Undefined: the server went away, or said that it is going. */
async function answerOf<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof NexusError && (error.code === 'unreachable' || error.code === 'overloaded')) return undefined;
    throw error;
  }
}
