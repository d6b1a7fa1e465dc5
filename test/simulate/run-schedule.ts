/** One random schedule: a fleet, its operators and their mishaps, until everything is at rest. Throws when a rule breaks. */
import assert from 'node:assert/strict';
import type { RolloutEntry, RolloutPlan, WaveSize } from '../../src/domain/rollout.ts';
import { decideNext } from '../../src/rollout/decide-next.ts';
import { type GateContext, gateContextOf } from '../../src/rollout/gates/gate-context.ts';
import { findHold } from '../../src/rollout/gates/gates.ts';
import { describeHold } from '../../src/rollout/gates/hold.ts';
import { layOutWaves } from '../../src/rollout/lay-out-waves.ts';
import { isOpen } from '../../src/rollout/rollout-state.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { makeRelease, mustFail, type SimRelease } from './catalog.ts';
import { type Faults, Network } from './network.ts';
import { Oracle } from './oracle.ts';
import { SimAgent } from './sim-agent.ts';
import { SimServer } from './sim-server.ts';
import { Timeline } from './timeline.ts';

/** A Wednesday, a little before noon UTC. */
const START_MS = Date.UTC(2031, 0, 8, 11, 50);
const NO_FAULTS: Faults = { lose: 0, repeat: 0, maxDelayMs: 200 };
/** Opens in every schedule, and stays open to its end. */
const LONG_WINDOW = '12:00-23:59';
const PATIENCE_MS = 3_600_000;

const WAVES: ReadonlyArray<readonly WaveSize[]> = [
  [{ percent: 100 }],
  [{ count: 1 }, { percent: 100 }],
  [{ count: 1 }, { percent: 25 }, { percent: 100 }],
  [{ count: 2 }, { count: 2 }, { percent: 100 }],
  [{ percent: 34 }, { percent: 67 }, { percent: 100 }],
];

/** What a schedule came across: entries of the log by kind, and what is rare among them by name. */
export type Summary = ReadonlyMap<string, number>;

function reasonOf(context: GateContext, name: string): string {
  const hold = findHold(context, name);
  return hold === null ? '' : describeHold(hold);
}

class Schedule {
  readonly random: SeededRandom;
  readonly timeline: Timeline;
  readonly network: Network;
  readonly oracle = new Oracle();
  readonly server: SimServer;
  readonly releases = new Map<string, SimRelease>();
  readonly agents = new Map<string, SimAgent>();
  readonly names: string[];
  readonly #digests: string[] = [];
  readonly #met = new Map<string, number>();
  readonly #tell: ((line: string) => void) | null;
  #faulty = true;
  /** The clock of the server against the true time: it jumps when the server starts. */
  #serverSkewMs = 0;
  #rollouts = 0;

  constructor(seed: number, tell: ((line: string) => void) | null) {
    this.#tell = tell;
    const random = new SeededRandom(seed);
    this.random = random;
    this.timeline = new Timeline(START_MS + random.between(0, 600_000));
    const rough = random.chance(0.6);
    const faults: Faults = rough
      ? { lose: random.next() * 0.3, repeat: random.next() * 0.3, maxDelayMs: random.pick([50, 500, 3_000]) }
      : { lose: 0.01, repeat: 0.01, maxDelayMs: 300 };
    this.network = new Network(random, this.timeline, faults);
    this.server = new SimServer(this.oracle, () => this.timeline.nowMs + this.#serverSkewMs);
    const most = random.pick([2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 50]);
    this.names = Array.from({ length: random.between(1, most) }, (_, index) => `h${index + 1}`);
    for (let number = 1; number <= random.between(1, 4); number += 1) {
      const release = makeRelease(random, number);
      this.releases.set(release.digest, release);
      this.#digests.push(release.digest);
    }
    for (const name of this.names) {
      this.server.addHost(name, this.#labels(name));
      this.agents.set(name, new SimAgent(name, random.between(-60_000, 60_000), this));
    }
    this.oracle.heard = (id, entry) => this.#heard(id, entry);
    this.oracle.world = {
      statusOf: (host) => this.server.hosts.get(host)?.status,
      labelsOf: (host) => this.server.hosts.get(host)?.labels ?? {},
      isQuarantined: (stack, release) => this.server.quarantines.has(`${stack} ${release}`),
      runningOn: (host, stack) => this.agents.get(host)?.runs(stack) ?? null,
    };
  }

  run(): Summary {
    const { random, timeline } = this;
    for (const agent of this.agents.values()) {
      if (random.chance(0.9)) timeline.in(random.between(0, 3_000), () => agent.start());
    }
    timeline.in(random.between(2_000, 6_000), () => this.#createRollout());
    this.#tick();
    const lengthMs = random.between(30_000, 150_000);
    const mishaps = random.between(0, 8 + this.names.length / 3);
    for (let count = 0; count < mishaps; count += 1) {
      timeline.in(random.between(5_000, lengthMs), () => this.#mishap());
    }
    timeline.runUntil(timeline.nowMs + lengthMs);
    this.#heal();
    const givenUpMs = timeline.nowMs + PATIENCE_MS;
    while (!this.#isAtRest()) {
      assert(timeline.nowMs < givenUpMs, `still not at rest: ${this.#describe()}`);
      timeline.runUntil(timeline.nowMs + 10_000);
    }
    this.oracle.atTheEnd();
    this.#checkEnds();
    this.server.restart(random.chance(0.5));
    return this.#met;
  }

  #note(what: string): void {
    this.#met.set(what, (this.#met.get(what) ?? 0) + 1);
  }

  #heard(id: string, entry: RolloutEntry): void {
    this.tell(`${id} ${JSON.stringify(entry)}`);
    this.#note(entry.kind);
    if (entry.kind === 'wave_promoted' && entry.skipped.length > 0) this.#note('hosts skipped');
    if (entry.kind === 'telemetry_judged') this.#note(`telemetry ${entry.verdict.status}`);
    if (entry.kind !== 'host_reported') return;
    const { event } = entry.numbered;
    this.#note(event.type);
    if (event.type !== 'converged') return;
    const release = this.releases.get(event.currentRelease);
    assert(release !== undefined && !mustFail(release), `${entry.host} converged on what cannot work`);
  }

  tell(line: string): void {
    this.#tell?.(`${((this.timeline.nowMs - START_MS) / 1000).toFixed(3)} ${line}`);
  }

  #labels(name: string): Record<string, string> {
    const { random, names } = this;
    const labels: Record<string, string> = {};
    if (random.chance(0.3)) labels['tier'] = random.pick(['a', 'b']);
    if (random.chance(0.06)) labels['after'] = random.sample([...names, 'tier=a'], 1 / names.length).join(',');
    if (random.chance(0.05)) labels['maintenance-window'] = random.pick(['11:55-11:59', '12:01-12:02', LONG_WINDOW]);
    if (random.chance(0.03) && name !== 'h1') labels['after'] = 'nobody';
    return labels;
  }

  #tick(): void {
    if (this.server.up) this.server.tick();
    this.timeline.in(5_000, () => this.#tick());
  }

  #createRollout(): void {
    const { random, server } = this;
    if (!server.up) return;
    const release = this.releases.get(random.pick(this.#digests));
    const live = this.names.filter((name) => server.hosts.get(name)?.status !== 'archived');
    if (release === undefined || live.length === 0) return;
    const hosts = random.chance(0.6) ? live : random.sample(live, 0.5);
    const laidOut = layOutWaves(random.pick(WAVES), hosts, () => ({}));
    if (!laidOut.ok) return;
    this.#rollouts += 1;
    const asked: RolloutPlan = {
      id: `r${this.#rollouts}`,
      stack: release.stack,
      release: release.digest,
      waves: laidOut.waves,
      waveSoakSeconds: laidOut.waveSoakSeconds,
      maxInFlight: random.pick([1, 2, 3, 5, 50]),
      failureThreshold: random.pick([0, 0, 0, 1, 2]),
      policy: release.policy,
      createdAtMs: server.nowMs,
    };
    server.create(asked);
  }

  #mishap(): void {
    const { random, server, network } = this;
    if (!this.#faulty) return;
    const name = random.pick(this.names);
    const agent = this.agents.get(name);
    const some = random.pick([...server.rollouts.keys(), 'none']);
    assert(agent !== undefined);
    const mishaps: ReadonlyArray<readonly [weight: number, happen: () => void]> = [
      [4, () => this.#restartServer()],
      [
        4,
        () =>
          this.#away(
            () => agent.crash(),
            () => agent.start(),
          ),
      ],
      [
        2,
        () =>
          this.#away(
            () => agent.wipeDisk(),
            () => agent.start(),
          ),
      ],
      [
        3,
        () =>
          this.#away(
            () => network.cutOff.add(name),
            () => network.cutOff.delete(name),
          ),
      ],
      [1, () => server.up && this.#archive(name)],
      [1, () => server.up && server.label(name, this.#labels(name))],
      [3, () => this.#createRollout()],
      [2, () => server.up && some !== 'none' && this.#pause(some)],
      [1, () => server.up && some !== 'none' && server.command(some, 'abort')],
      [1, () => this.#liftQuarantine()],
    ];
    let draw = random.between(
      1,
      mishaps.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, happen] of mishaps) {
      draw -= weight;
      if (draw > 0) continue;
      this.tell(`mishap of ${name}, ${some}: ${happen}`);
      happen();
      return;
    }
  }

  #away(begin: () => void, end: () => void): void {
    begin();
    this.timeline.in(this.random.between(100, 60_000), end);
  }

  #restartServer(): void {
    const { random, server, timeline } = this;
    if (!server.up) return;
    server.up = false;
    timeline.in(random.between(10, 15_000), () => {
      if (random.chance(0.3)) this.#serverSkewMs = random.between(-20_000, 20_000);
      server.restart(random.chance(0.5));
      server.up = true;
    });
  }

  #archive(name: string): void {
    this.server.archive(name);
    this.agents.get(name)?.crash();
  }

  #pause(id: string): void {
    const { random, server, timeline } = this;
    server.command(id, 'pause');
    timeline.in(random.between(1_000, 60_000), () => server.up && server.command(id, 'resume'));
  }

  #liftQuarantine(): void {
    const [quarantine] = this.server.quarantines.values();
    if (this.server.up && quarantine !== undefined) this.server.liftQuarantine(quarantine.stack, quarantine.release);
  }

  /** Faults stop: whoever is not archived is back, and whatever was paused goes on. */
  #heal(): void {
    const { server, network } = this;
    this.#faulty = false;
    network.faults = NO_FAULTS;
    network.cutOff.clear();
    if (!server.up) {
      server.restart(false);
      server.up = true;
    }
    for (const [name, agent] of this.agents) {
      const host = server.hosts.get(name);
      if (host === undefined || host.status === 'archived') continue;
      agent.start();
      const { 'maintenance-window': window, ...labels } = host.labels;
      if (window !== undefined && window !== LONG_WINDOW) server.label(name, labels);
    }
    for (const id of server.rollouts.keys()) server.command(id, 'resume');
  }

  /** Nothing is in flight or owed, every host is heard of, and what is left to dispatch is held for good. */
  #isAtRest(): boolean {
    const { server } = this;
    for (const host of server.hosts.values()) {
      if (host.status !== 'online' && host.status !== 'archived') return false;
      if (server.stateOf(host.name).length > 0 && host.status !== 'archived') return false;
    }
    return [...server.rollouts.values()].every(
      ({ rollout }) => rollout.progress.status !== 'active' || this.#heldForGood(rollout.plan.id) !== null,
    );
  }

  /** The gate that holds a rollout which no time and no news will free; null: it must go on by itself. */
  #heldForGood(id: string): string | null {
    const held = this.server.rollouts.get(id);
    if (held === undefined || held.rollout.inFlight.size > 0) return null;
    const context = gateContextOf(held.rollout, this.server, this.server.nowMs);
    const gates = held.rollout.pending.flatMap((names) =>
      [...names].map((name) => findHold(context, name)?.gate ?? 'none'),
    );
    if (gates.some((gate) => !['quarantine', 'ordering', 'wave'].includes(gate))) return null;
    return gates.find((gate) => gate !== 'wave') ?? null;
  }

  #checkEnds(): void {
    const { server } = this;
    for (const { release, host } of server.quarantines.values()) {
      assert.notEqual(this.releases.get(release)?.behaviour, 'good', `${host} failed on a good release`);
    }
    for (const [id, { rollout }] of server.rollouts) {
      const { status } = rollout.progress;
      if (!isOpen(status)) continue;
      // Asking about everybody must find nothing that the waiting line has forgotten.
      const everybody = rollout.pending.flatMap((names) => [...names]);
      assert.deepEqual(decideNext(rollout, server, everybody, server.nowMs).entries, [], `${id} forgot somebody`);
    }
  }

  #describe(): string {
    return JSON.stringify(
      [...this.server.rollouts].map(([id, { rollout }]) => {
        const context = gateContextOf(rollout, this.server, this.server.nowMs);
        const hosts = [...rollout.hosts.values()].map((host) => [
          host.name,
          host.wave,
          host.state,
          host.epoch,
          host.left,
          reasonOf(context, host.name),
        ]);
        return { id, status: rollout.progress.status, wave: rollout.progress.currentWave, hosts };
      }),
      null,
      1,
    );
  }
}

/** `tell` hears of every entry of the log and of every mishap, to read a failure by. */
export function runSchedule(seed: number, tell: ((line: string) => void) | null = null): Summary {
  return new Schedule(seed, tell).run();
}
