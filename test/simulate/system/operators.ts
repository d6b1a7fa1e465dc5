/** What people do to the fleet: releases, rollouts, and everything that they may change their minds about. */
import assert from 'node:assert/strict';
import { hostListBodySchema } from '../../../src/wire/operator.ts';
import { releaseBodySchema, releaseListBodySchema } from '../../../src/wire/release.ts';
import { type CreateRolloutBody, rolloutBodySchema, rolloutListBodySchema } from '../../../src/wire/rollout.ts';
import type { SeededRandom } from '../../domain/seeded-random.ts';
import { makeGoodRelease, makeLeakyRelease, makeRelease } from './host/releases.ts';
import type { World } from './world.ts';

/** Opens in every simulation, and stays open to its end. */
const LONG_WINDOW = '12:00-23:59';

/** Values of a label that some hosts have. */
const TIERS = ['a', 'b'] as const;

/** Enough to see whether a rollout goes well. */
const MOST_PEACEFUL_HOSTS = 8;

const WAVES: ReadonlyArray<CreateRolloutBody['waves']> = [
  [{ percent: 100 }],
  [{ count: 1 }, { percent: 100 }],
  [{ count: 1 }, { percent: 25 }, { percent: 100 }],
  [{ count: 2 }, { count: 2 }, { percent: 100 }],
  [{ percent: 34 }, { percent: 67 }, { percent: 100 }],
];

export class Operators {
  readonly #world: World;
  readonly #random: SeededRandom;
  /** How much they hold back by labels. */
  readonly #caution: number;
  #releases = 0;

  constructor(world: World, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    this.#caution = random.pick([0.5, 1, 1, 4]);
  }

  /** Adds a host; returns the token of its agent. */
  async addHost(name: string): Promise<string> {
    const body = { name, labels: this.#labels(name), token: true, offline_after_seconds: this.#random.between(20, 45) };
    const created = await this.#ask('POST', '/v1/hosts', body);
    assert(created !== null, `${name} is added`);
    return (created as { readonly token: { readonly token: string } }).token.token;
  }

  async createRelease(): Promise<void> {
    const { images, releases } = this.#world;
    this.#releases += 1;
    const release = makeRelease(this.#random, this.#releases, images);
    const created = await this.#ask('POST', '/v1/releases', release.manifest);
    if (created !== null) releases.set(releaseBodySchema.parse(created).digest, release);
  }

  /** A release that works, to every host that no label holds back; null: there is none. */
  async rollOutWell(): Promise<string | null> {
    const hosts = ((await this.hosts()) ?? []).filter(
      ({ status, labels }) => status === 'online' && !('after' in labels) && !('maintenance-window' in labels),
    );
    if (hosts.length === 0) return null;
    // A place in a budget may take any time to come.
    for (const tier of TIERS) await this.#ask('DELETE', `/v1/budgets/tier=${tier}`);
    const names = hosts.slice(0, MOST_PEACEFUL_HOSTS).map(({ name }) => name);
    return this.#rollOut(makeGoodRelease, names);
  }

  /** A release that leaks, to these hosts. */
  rollOutLeak(names: readonly string[]): Promise<string> {
    return this.#rollOut(makeLeakyRelease, names);
  }

  async #rollOut(make: typeof makeGoodRelease, names: readonly string[]): Promise<string> {
    this.#releases += 1;
    const release = make(this.#releases, this.#world.images);
    const created = await this.#ask('POST', '/v1/releases', release.manifest);
    assert(created !== null, 'a release is added');
    const { digest } = releaseBodySchema.parse(created);
    this.#world.releases.set(digest, release);
    const waves = [{ count: 1 }, { percent: 100 }];
    const asked = await this.#ask('POST', '/v1/rollouts', { release: digest, hosts: names, waves, max_in_flight: 100 });
    assert(asked !== null, 'a rollout is created');
    return rolloutBodySchema.parse(asked).id;
  }

  async createRollout(): Promise<void> {
    const random = this.#random;
    const digest = random.pick([...this.#world.releases.keys()]);
    const live = this.#world.hosts.filter(({ isRetired }) => !isRetired).map(({ name }) => name);
    if (live.length === 0) return;
    const body: CreateRolloutBody = {
      release: digest,
      hosts: random.chance(0.6) ? live : random.sample(live, 0.5),
      waves: random.pick(WAVES),
      max_in_flight: random.pick([1, 2, 3, 5, 50]),
      failure_threshold: random.pick([0, 0, 0, 1, 2]),
    };
    const created = await this.#ask('POST', '/v1/rollouts', body);
    // While its first offers are on their way, somebody has second thoughts.
    if (created === null || !random.chance(0.3)) return;
    this.#world.later(random.between(5, 250), () => this.#pauseForAWhile(rolloutBodySchema.parse(created).id));
  }

  async pauseForAWhile(): Promise<void> {
    const id = await this.#anyOpenRollout();
    if (id !== null) await this.#pauseForAWhile(id);
  }

  async #pauseForAWhile(id: string): Promise<void> {
    await this.#ask('POST', `/v1/rollouts/${id}/pause`);
    this.#world.later(this.#random.between(1_000, 60_000), () => this.#ask('POST', `/v1/rollouts/${id}/resume`));
  }

  async abort(): Promise<void> {
    const id = await this.#anyOpenRollout();
    if (id === null) return;
    await this.#ask('POST', `/v1/rollouts/${id}/abort`, { rollback: this.#random.chance(0.5) });
  }

  async archive(): Promise<void> {
    const { name } = this.#random.pick(this.#world.hosts);
    await this.#ask('DELETE', `/v1/hosts/${name}`);
  }

  async relabel(): Promise<void> {
    const { name } = this.#random.pick(this.#world.hosts);
    await this.#ask('PATCH', `/v1/hosts/${name}`, { labels: { tier: null, after: null, ...this.#labels(name) } });
  }

  /** Whichever it is: the server is to refuse what is needed. */
  async removeRelease(random: SeededRandom): Promise<void> {
    await this.#ask('DELETE', `/v1/releases/${random.pick([...this.#world.releases.keys()])}`);
  }

  async setBudget(random: SeededRandom): Promise<void> {
    const path = `/v1/budgets/tier=${random.pick(TIERS)}`;
    if (random.chance(0.3)) await this.#ask('DELETE', path);
    else await this.#ask('PUT', path, { max_in_flight: random.pick([1, 1, 2, 3]) });
  }

  async liftQuarantine(): Promise<void> {
    const known = await this.#ask('GET', '/v1/releases');
    if (known === null) return;
    const bad = releaseListBodySchema.parse(known).releases.find(({ quarantine }) => quarantine !== null);
    if (bad !== undefined) await this.#ask('POST', `/v1/releases/${bad.digest}/lift`, { reason: 'it was the network' });
  }

  /** Whatever was paused goes on, no window stays closed for good, and a host that is lost is archived. */
  async settleEverything(): Promise<void> {
    for (const { id, state } of (await this.rollouts()) ?? []) {
      if (state === 'paused') await this.#ask('POST', `/v1/rollouts/${id}/resume`);
    }
    for (const { name, status, labels } of (await this.hosts()) ?? []) {
      const window = labels['maintenance-window'];
      const isLost = this.#world.hosts.some((host) => host.name === name && host.isGone);
      if (isLost && status !== 'archived') await this.#ask('DELETE', `/v1/hosts/${name}`);
      if (isLost) continue;
      if (status === 'archived' || window === undefined || window === LONG_WINDOW) continue;
      await this.#ask('PATCH', `/v1/hosts/${name}`, { labels: { 'maintenance-window': null } });
    }
  }

  /** Null: the server does not answer. */
  async hosts() {
    const answer = await this.#ask('GET', '/v1/hosts?limit=100');
    return answer === null ? null : hostListBodySchema.parse(answer).hosts;
  }

  /** Null: the server does not answer. */
  async rollouts() {
    const answer = await this.#ask('GET', '/v1/rollouts?limit=100');
    return answer === null ? null : rolloutListBodySchema.parse(answer).rollouts;
  }

  async rollout(id: string) {
    const answer = await this.#ask('GET', `/v1/rollouts/${id}`);
    return answer === null ? null : rolloutBodySchema.parse(answer);
  }

  async isReplayEqual(id: string): Promise<boolean> {
    const answer = await this.#ask('POST', `/v1/rollouts/${id}/replay`);
    return (answer as { readonly equal?: boolean } | null)?.equal === true;
  }

  async #anyOpenRollout(): Promise<string | null> {
    const open = ((await this.rollouts()) ?? []).filter(({ state }) => state === 'active' || state === 'paused');
    return open.length === 0 ? null : this.#random.pick(open).id;
  }

  #labels(name: string): Record<string, string> {
    const random = this.#random;
    const names = this.#world.hostNames;
    const labels: Record<string, string> = {};
    if (random.chance(0.3)) labels['tier'] = random.pick(TIERS);
    if (random.chance(0.06 * this.#caution))
      labels['after'] = random.sample([...names, 'tier=a'], 1 / names.length).join(',');
    if (random.chance(0.05 * this.#caution))
      labels['maintenance-window'] = random.pick(['11:55-11:59', '12:01-12:02', LONG_WINDOW]);
    if (random.chance(0.03 * this.#caution) && name !== names[0]) labels['after'] = 'nobody';
    return labels;
  }

  /** The body of a success; null when the server refuses, or nothing comes back. */
  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#world.server.ask(method, path, body);
    if (!path.includes('limit'))
      this.#world.trace.note('operator', `${method} ${path}: ${answer?.status ?? 'no answer'}`);
    if (answer === null || answer.status >= 300) return null;
    return answer.body.length === 0 ? {} : JSON.parse(answer.body.toString());
  }
}

/** What an operator may do in the midst of it all, by how often it happens. */
export const DEEDS: ReadonlyArray<readonly [weight: number, deed: (operators: Operators) => Promise<void>]> = [
  [4, (operators) => operators.createRollout()],
  [1, (operators) => operators.createRelease()],
  [2, (operators) => operators.pauseForAWhile()],
  [1.5, (operators) => operators.abort()],
  [1, (operators) => operators.archive()],
  [1, (operators) => operators.relabel()],
  [1, (operators) => operators.liftQuarantine()],
];
