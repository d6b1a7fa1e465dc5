/**
 * One seed: a fleet, its operators and everything that goes wrong, until the faults stop and all has come to rest.
 *
 *     operators ──► server (real writer, reducer, surface) ◄── network ──► agents (real) ──► disk, engine, Compose
 *                      │ commits                                │ answers                        │ changes
 *                      └─────────────► properties (log oracle, promises, bounds) ◄───────────────┘
 *
 * Everything is driven by one queue of events in virtual time, and by random sources that follow from the seed: the same
 * seed is the same run, bit for bit.
 */
import assert from 'node:assert/strict';
import type { SeededRandom } from '../../domain/seeded-random.ts';
import { FAULTS, type Fault } from './faults.ts';
import { CALM, type Conditions } from './kernel/network.ts';
import { DEEDS, Operators } from './operators.ts';
import { checkBounds } from './properties/bounds.ts';
import { World } from './world.ts';

/** Once the faults have stopped, everything comes to rest within this time. */
const PATIENCE_MS = 2 * 3_600_000;
const LOOK_MS = 10_000;
/** A server is up by then. */
const START_MS = 1_000;
/** After all is reported, for what agents still put in order. */
const AFTERWARDS_MS = 5_000;

/** Clocks of hosts are off by up to half of this, as a share: most are good, and those of a busy hypervisor are not. */
const CLOCK_ERRORS = [0, 0, 0, 0.001, 0.001, 0.2];

/** Two waves with soaks of a few seconds, and nothing that goes wrong. */
const PEACEFUL_MS = 90_000;
/** Of the seeds in which a good release has come to every host, as many see a leak after it. */
const LEAKS = 0.2;
/** Its activation, a soak of a minute, a sustained failure and the way back. */
const LEAK_CAUGHT_MS = 150_000;
/** Within what the server takes, whatever the clock showed before. Ticks follow the clock, so they meet earlier ones. */
const CLOCK_STEP_MS = 150_000;

export interface Result {
  /** Of everything that was noted: equal for equal runs. */
  readonly digest: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly met: ReadonlyMap<string, number>;
}

export class SimulationFailure extends Error {
  /** The end of the trace. */
  readonly trace: readonly string[];

  constructor(seed: number, cause: unknown, trace: readonly string[]) {
    super(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.trace = trace;
  }
}

/** Runs one seed. `onLine` receives its trace as it is written. Rejects with {@link SimulationFailure}. */
export async function simulate(seed: number, onLine: ((line: string) => void) | null = null): Promise<Result> {
  const simulation = new Simulation(seed, onLine);
  try {
    return await simulation.run();
  } catch (error) {
    throw new SimulationFailure(seed, error, simulation.world.trace.end);
  }
}

class Simulation {
  readonly world: World;
  readonly #random: SeededRandom;
  readonly #operators: Operators;
  readonly #conditions: Conditions;
  /** While there are faults, every sync of the server takes this many times as long. */
  readonly #serverSlowness: number;
  readonly #ends = new Set<() => void>();
  #areFaultsOver = false;

  constructor(seed: number, onLine: ((line: string) => void) | null) {
    const shapeRandom = new World(seed, { hosts: 1, conditions: CALM, intervalMs: 1 }, null).random('shape');
    this.#random = shapeRandom;
    const most = shapeRandom.pick([1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 8, 12, 16, 24, 50]);
    const isRough = shapeRandom.chance(0.6);
    this.#conditions = isRough
      ? {
          lost: shapeRandom.next() * 0.2,
          repeated: shapeRandom.next() * 0.2,
          reset: shapeRandom.next() * 0.1,
          maxDelayMs: shapeRandom.pick([50, 500, 3_000]),
        }
      : { lost: 0.005, repeated: 0.01, reset: 0.005, maxDelayMs: 200 };
    this.world = new World(
      seed,
      {
        hosts: shapeRandom.between(Math.ceil(most / 2), most),
        conditions: this.#conditions,
        intervalMs: shapeRandom.pick([5_000, 8_000]),
      },
      onLine,
    );
    this.#serverSlowness = shapeRandom.pick([1, 1, 1, 5, 25]);
    this.#operators = new Operators(this.world, this.world.random('operators'));
  }

  async run(): Promise<Result> {
    const { world } = this;
    const startedMs = world.queue.nowMs;
    await this.#setUp();
    await this.#goThroughFaults();
    this.#heal();
    await this.#comeToRest();
    await this.#checkEnd();
    await this.#rollOutInPeace();
    return {
      digest: world.trace.digest(),
      events: world.queue.count,
      virtualMs: world.queue.nowMs - startedMs,
      met: world.met,
    };
  }

  async #setUp(): Promise<void> {
    const { world } = this;
    world.server.start();
    await world.runFor(START_MS);
    world.spawn(() => world.follower.run());
    for (const name of world.hostNames) world.addHost(name, await world.complete(this.#operators.addHost(name)));
    for (let count = this.#random.between(1, 4); count > 0; count -= 1) {
      await world.complete(this.#operators.createRelease());
    }
  }

  async #goThroughFaults(): Promise<void> {
    const { world } = this;
    const random = this.#random;
    world.network.conditions = this.#conditions;
    for (const host of world.hosts) {
      if (random.chance(0.9)) world.later(random.between(0, 3_000), () => host.start());
    }
    world.server.pace.slowness = this.#serverSlowness;
    for (const { machine } of world.hosts) machine.setRate(1 + (random.next() - 0.5) * random.pick(CLOCK_ERRORS));
    const lengthMs = random.between(40_000, 200_000);
    world.later(random.between(2_000, 6_000), () => this.#operators.createRollout());
    for (let count = random.between(1, 6 + world.hosts.length / 8); count > 0; count -= 1) {
      const deed = weighted(random, DEEDS, ([weight]) => weight);
      world.later(random.between(5_000, lengthMs), () => deed[1](this.#operators));
    }
    // From a source of their own, so that other deeds and faults are what they would be without them.
    const removals = world.random('removals');
    for (let count = removals.chance(0.3) ? removals.between(1, 4) : 0; count > 0; count -= 1) {
      world.later(removals.between(10_000, lengthMs), () => this.#operators.removeRelease(removals));
    }
    const budgets = world.random('budgets');
    for (let count = budgets.chance(0.4) ? budgets.between(1, 5) : 0; count > 0; count -= 1) {
      world.later(budgets.between(1_000, lengthMs), () => this.#operators.setBudget(budgets));
    }
    const faults = random.chance(0.1) ? 0 : random.between(1, 12 + world.hosts.length / 3);
    for (let count = faults; count > 0; count -= 1) {
      const fault = weighted(random, FAULTS, ({ weight }) => weight);
      world.later(random.between(3_000, lengthMs), () => this.#inflict(fault));
    }
    await world.runFor(lengthMs);
  }

  #inflict(fault: Fault): void {
    const { world } = this;
    if (this.#areFaultsOver) return;
    world.trace.note('fault', fault.name);
    const end = fault.begin(world, world.random(`fault ${world.queue.count}`));
    if (end === null) return;
    world.meet(fault.name);
    const endOnce = (): void => {
      if (!this.#ends.delete(endOnce)) return;
      world.trace.note('fault', `over: ${fault.name}`);
      end();
    };
    this.#ends.add(endOnce);
    world.later(this.#random.next() * fault.maxMs, endOnce);
  }

  /** Faults stop: every host that is not archived is back, and what was paused goes on. */
  #heal(): void {
    const { world } = this;
    this.#areFaultsOver = true;
    world.trace.note('fault', 'all over');
    for (const end of [...this.#ends]) end();
    world.promptness.faultsAreOver();
    world.network.conditions = CALM;
    world.network.mendAll();
    world.server.pace.slowness = 1;
    world.server.start();
    for (const host of world.hosts) {
      host.machine.setRate(1);
      host.machine.correctWall();
      host.start();
    }
    world.later(1_000, () => this.#operators.settleEverything());
  }

  async #comeToRest(): Promise<void> {
    const { world } = this;
    const givenUpMs = world.queue.nowMs + PATIENCE_MS;
    await world.runFor(LOOK_MS);
    for (;;) {
      const unrest = await world.complete(this.#describeUnrest());
      if (unrest === null) {
        await world.runFor(AFTERWARDS_MS);
        // A window may just have opened.
        if ((await world.complete(this.#describeUnrest())) === null) return;
      }
      assert(world.queue.nowMs < givenUpMs, `still not at rest: ${unrest}`);
      await world.runFor(LOOK_MS);
    }
  }

  /** What still has to happen, in words; null: nothing. */
  async #describeUnrest(): Promise<string | null> {
    const { world } = this;
    const hosts = await this.#operators.hosts();
    const rollouts = await this.#operators.rollouts();
    if (hosts === null || rollouts === null) return 'the server does not answer';
    const archived = new Set(hosts.filter(({ status }) => status === 'archived').map(({ name }) => name));
    for (const { name, status } of hosts) {
      if (status !== 'online' && status !== 'archived') {
        if (world.host(name).isGone) await this.#operators.settleEverything();
        return `${name} is ${status}`;
      }
      if (status === 'archived') continue;
      const owed = world.promises.owed(name);
      if (owed > 1) return `${name} has ${owed} ticks that have not arrived`;
    }
    for (const { id, state } of rollouts) {
      if (state === 'paused') {
        await this.#operators.settleEverything();
        return `${id} is paused`;
      }
      const rollout = await this.#operators.rollout(id);
      if (rollout === null) return `${id} cannot be read`;
      const owing = world.oracle.owing(id).filter((name) => !archived.has(name));
      if (owing.length > 0) return `${id} is ${state} and waits for ${owing.join(', ')}`;
      if (state !== 'active') continue;
      const gates = rollout.hosts.map((host) => host.held_by?.gate).filter((gate) => gate !== undefined);
      const isHeldForGood =
        gates.every((gate) => ['quarantine', 'ordering', 'wave'].includes(gate)) &&
        gates.some((gate) => gate !== 'wave');
      if (!isHeldForGood) return `${id} is active, held by ${gates.join(', ') || 'nothing'}`;
    }
    return null;
  }

  /** A release that works comes to every host that nothing holds back, in little more time than its soaks take. */
  async #rollOutInPeace(): Promise<void> {
    const { world } = this;
    await world.runFor(Math.max(0, world.promptness.calmAtMs - world.queue.nowMs));
    const id = await world.complete(this.#operators.rollOutWell());
    if (id === null) return;
    const dueMs = world.queue.nowMs + PEACEFUL_MS;
    let state = '';
    while (state !== 'converged') {
      assert(world.queue.nowMs < dueMs, `nothing is wrong, and ${id} is ${state}`);
      await world.runFor(LOOK_MS);
      state = (await world.complete(this.#operators.rollout(id)))?.state ?? 'unknown';
    }
    const random = world.random('leak');
    if (random.chance(LEAKS)) await this.#leakInPeace(id, random);
    await this.#comeToRest();
    await this.#checkEnd();
  }

  /** A leak is caught by the defaults, also where somebody sets the clock of the host in its soak. */
  async #leakInPeace(before: string, random: SeededRandom): Promise<void> {
    const { world } = this;
    const hosts = (await world.complete(this.#operators.rollout(before)))?.hosts ?? [];
    // What runs on it is not a minute old, so it is told from a leak by how much memory it holds.
    const [canary] = hosts;
    assert(canary !== undefined);
    const id = await world.complete(this.#operators.rollOutLeak(hosts.map(({ name }) => name)));
    const dueMs = world.queue.nowMs + LEAK_CAUGHT_MS;
    const stepMs = random.pick([0, -CLOCK_STEP_MS, CLOCK_STEP_MS]);
    world.later(random.between(15_000, 50_000), () => world.host(canary.name).machine.stepWall(stepMs));
    for (let state = ''; state !== 'reverted'; ) {
      assert(world.queue.nowMs < dueMs, `the leak of ${id} is not caught: ${canary.name} is ${state}`);
      await world.runFor(LOOK_MS);
      const host = (await world.complete(this.#operators.rollout(id)))?.hosts.find(({ name }) => name === canary.name);
      state = host?.state ?? 'unknown';
      assert(state !== 'converged', `${canary.name} converged on a leak`);
    }
  }

  async #checkEnd(): Promise<void> {
    const { world } = this;
    world.oracle.checkEnd();
    world.promises.checkKept();
    world.follower.checkEnd();
    checkBounds(world);
    for (const id of world.oracle.rolloutIds) {
      assert(await world.complete(this.#operators.isReplayEqual(id)), `replaying ${id} gives what is stored`);
    }
  }
}

function weighted<T>(random: SeededRandom, from: readonly T[], weightOf: (item: T) => number): T {
  let draw = random.next() * from.reduce((sum, item) => sum + weightOf(item), 0);
  for (const item of from) {
    draw -= weightOf(item);
    if (draw <= 0) return item;
  }
  return random.pick(from);
}
