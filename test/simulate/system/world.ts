/** Everything that one simulation is made of, as faults, operators and properties see it. */
import type { LogEvent } from '../../../src/domain/event-log.ts';
import { parseInstant } from '../../../src/domain/instant.ts';
import type { Log } from '../../../src/domain/log.ts';
import { SeededRandom } from '../../domain/seeded-random.ts';
import { SERVER_CLOCK_SET } from './faults.ts';
import { ImageCatalog, mustFail, type SimulatedRelease } from './host/releases.ts';
import { SimulatedHost } from './host/simulated-host.ts';
import { EventQueue } from './kernel/event-queue.ts';
import { Machine, type SimulatedProcess } from './kernel/machine.ts';
import { CALM, type Conditions, type HttpMessage, Network } from './kernel/network.ts';
import { Trace } from './kernel/trace.ts';
import { checkBlame } from './properties/blame.ts';
import { ImagePins } from './properties/image-pins.ts';
import { checkOutbox, KeptOnDisk, keptTicks, ticksIn } from './properties/kept-on-disk.ts';
import { LogFollower } from './properties/log-follower.ts';
import { LogOracle } from './properties/log-oracle.ts';
import { eventOf, Promises } from './properties/promises.ts';
import { Promptness } from './properties/promptness.ts';
import { SimulatedServer } from './server/simulated-server.ts';

/** A Wednesday, a little before noon UTC. */
const START_MS = Date.UTC(2031, 0, 8, 11, 50);

export interface Shape {
  readonly hosts: number;
  readonly conditions: Conditions;
  /** From one tick of a host to the next. */
  readonly intervalMs: number;
}

export class World {
  readonly seed: number;
  readonly queue: EventQueue;
  readonly trace: Trace;
  readonly network: Network;
  readonly server: SimulatedServer;
  readonly images = new ImageCatalog();
  /** By digest. */
  readonly releases = new Map<string, SimulatedRelease>();
  readonly hosts: SimulatedHost[] = [];
  readonly hostNames: readonly string[];
  readonly promises: Promises;
  readonly oracle: LogOracle;
  readonly promptness = new Promptness(() => this.queue.nowMs);
  readonly follower = new LogFollower(this);
  readonly kept = new KeptOnDisk();
  readonly #pins = new ImagePins();
  readonly #shape: Shape;
  /** How often something happened that a set of simulations must come across. */
  readonly met = new Map<string, number>();
  #hasBackup = false;
  #failure: unknown;

  constructor(seed: number, shape: Shape, onLine: ((line: string) => void) | null) {
    this.seed = seed;
    this.#shape = shape;
    this.queue = new EventQueue(START_MS + this.random('start').between(0, 600_000));
    const nowMs = (): number => this.queue.nowMs;
    this.trace = new Trace(nowMs, onLine);
    this.hostNames = Array.from({ length: shape.hosts }, (_, index) => `h${index + 1}`);
    const stored = {
      has: (host: string, recordedAtMs: number) => this.server.hasTick(host, recordedAtMs),
      all: (host: string) => this.server.ticksOf(host),
    };
    this.promises = new Promises(stored, nowMs, (text) => this.trace.note('server', text));
    this.oracle = new LogOracle({
      nowMs,
      hasBeenHeard: (host) => this.promises.hasBeenHeard(host),
      arrivedAtMs: (rolloutId, host, seq) => this.promises.arrivedAtMs(rolloutId, host, seq),
      runningOn: (host, stack) => this.host(host).releasesOf(stack),
      mustFail: (digest) => {
        const release = this.releases.get(digest);
        return release !== undefined && mustFail(release);
      },
      hasLoopedWithin: (host, stack, fromMs, untilMs) => this.host(host).hasLoopedWithin(stack, fromMs, untilMs),
      areSoaksTrue: () => !this.met.has(SERVER_CLOCK_SET),
    });
    this.network = new Network(this.queue, this.random('network'), CALM, {
      onSend: (from, message) => this.observe(() => this.#sent(from, message)),
      onRequest: (from, message) => this.observe(() => this.promises.onRequest(from, message)),
      onAnswer: (from, message, answer) => this.observe(() => this.promises.onAnswer(from, message, answer)),
    });
    this.server = new SimulatedServer({
      machine: new Machine('server', this.queue, this.random('server')),
      network: this.network,
      logOf: (process) => this.#logOf(process, () => {}),
      onCommit: (events) => this.observe(() => this.#committed(events)),
      onFailure: (error) => this.fail(error),
    });
  }

  /** A random source of its own for each subject: what one draws does not change what another gets. */
  random(subject: string): SeededRandom {
    let hash = 2_166_136_261;
    for (let at = 0; at < subject.length; at += 1) hash = Math.imul(hash ^ subject.charCodeAt(at), 16_777_619);
    return new SeededRandom(this.seed ^ hash);
  }

  /** Nothing has been wrong for a while, and what earlier trouble had put off has happened. */
  get isCalm(): boolean {
    return this.promptness.isCalm;
  }

  host(name: string): SimulatedHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  addHost(name: string, token: string): void {
    const host = new SimulatedHost({
      machine: new Machine(name, this.queue, this.random(name)),
      network: this.network,
      images: this.images,
      token,
      intervalMs: this.#shape.intervalMs,
      watcher: {
        onUp: (project, release) => this.#changed(name, project, release),
        onUpDone: (project, release) => this.#cameUp(host, project, release),
        onDown: (project) => this.#changed(name, project, null),
      },
      logOf: (process) => this.#logOf(process, (fields) => this.#noteLosses(name, fields)),
      onTick: ({ recordedAtMs }) => {
        this.promises.tickTaken(name, recordedAtMs, host.machine.monotonicMs());
        this.observe(() => this.promptness.onTick(name));
      },
      onLoss: () => this.promises.onLoss(name, keptTicks(host.disk)),
      onPowerCut: () => this.observe(() => this.#checkDisk(host)),
    });
    host.disk.onUnreadable = (path) => this.promises.excuse(name, ticksIn(host.disk, path));
    this.hosts.push(host);
  }

  meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  /** Runs `work` now; what it throws, now or later, ends the simulation. */
  spawn(work: () => unknown): void {
    try {
      Promise.resolve(work()).catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  later(delayMs: number, work: () => unknown): void {
    this.queue.after(delayMs, () => this.spawn(work));
  }

  async runFor(durationMs: number): Promise<void> {
    await this.queue.runUntil(this.queue.nowMs + durationMs, () => this.check());
  }

  /** Lets time pass until `work` is done, and returns what it came to. */
  async complete<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    this.spawn(() => work.finally(() => (isDone = true)));
    for (let turns = 0; !isDone && turns < 10_000; turns += 1) await this.runFor(10);
    return work;
  }

  /** Ends the simulation, unless it has failed already. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Looks at something from within the code under test, which must not see what is thrown here. */
  observe(look: () => void): void {
    try {
      look();
    } catch (error) {
      this.fail(error);
    }
  }

  #sent(from: string, message: HttpMessage): void {
    if (message.path !== '/v1/agent/events') return;
    const { rollout_id: rolloutId, event } = eventOf(message);
    const part = this.oracle.part(rolloutId, from);
    if (part !== undefined) this.kept.eventSent(from, rolloutId, event.seq, part.stack, part.epoch);
  }

  #committed(events: readonly LogEvent[]): void {
    for (const event of events) {
      this.trace.note('log', JSON.stringify(event));
      for (const what of namesOf(event)) this.meet(what);
      this.follower.onCommit(event.id);
      this.oracle.observe(event);
      this.promptness.onCommit(event);
      checkBlame(event);
    }
    this.promises.onCommit(events);
    this.oracle.checkCommitted();
  }

  #changed(host: string, project: string, release: string | null): void {
    this.trace.note(host, `compose makes ${release?.slice(0, 19) ?? 'nothing'} what runs of ${project}`);
    this.observe(() => this.oracle.checkChange(host, project, release));
  }

  /**
   * Backs the server up. What this returns kills the server, restores the backup and starts the server again. Null while
   * there is a backup already, or a host is under way: an agent that has come to its end does not tell a server again
   * that has forgotten it.
   */
  backUpServer(): (() => void) | null {
    const isBusy = this.oracle.rolloutIds.some((id) => this.oracle.owing(id).length > 0);
    if (this.#hasBackup || isBusy) return null;
    this.#hasBackup = true;
    const goBack = [this.server.backUp(), this.oracle.remember(), this.promises.remember(), this.follower.remember()];
    return () => {
      this.#hasBackup = false;
      this.server.kill();
      for (const restore of goBack) restore();
      this.promptness.forgetSoaks();
      for (const { name } of this.hosts) this.kept.forget(name);
      this.server.start();
    };
  }

  /** After a cut of power. */
  #checkDisk({ name, machine, disk }: SimulatedHost): void {
    this.kept.checkRecords(name, disk);
    if (disk.hasRefused) return;
    checkOutbox(name, disk, this.promises.agesOf(name, machine.monotonicMs()), this.promises.lossesOf(name));
  }

  #cameUp(host: SimulatedHost, project: string, release: string | null): void {
    if (release === null) return;
    this.observe(() => {
      const isWayBack = this.oracle.isWayBack(host.name, project, release);
      if (isWayBack) this.meet('a way back');
      this.#pins.cameUp(host, project, release, isWayBack);
    });
  }

  /** Ticks of which an agent says in its log that they will not arrive. */
  #noteLosses(host: string, fields: Readonly<Record<string, unknown>>): void {
    const lost = ['dropped_for_room', 'too_old', 'damaged'].reduce((sum, name) => sum + Number(fields[name] ?? 0), 0);
    if (lost > 0) this.promises.lossReported(host, lost);
    const refused = parseInstant(String(fields['recorded_at']));
    if (refused !== undefined) this.promises.excuse(host, [refused]);
  }

  #logOf({ name }: SimulatedProcess, onFields: (fields: Readonly<Record<string, unknown>>) => void): Log {
    const write = (level: string) => (fields: Record<string, unknown>, message: string) => {
      onFields(fields);
      if (level === 'error' && /invariant|defect/.test(`${message} ${fields['reason']}`)) {
        this.fail(new Error(`${name} logs a defect: ${message} ${JSON.stringify(fields)}`));
      }
      this.trace.note(name, `${level} ${message} ${JSON.stringify(fields)}`);
    };
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  }
}

/** What an entry of the log shows to have happened. */
function namesOf({ kind, data }: LogEvent): string[] {
  const numbered = data['numbered'] as { readonly fact?: { readonly type: string } } | undefined;
  const verdict = data['verdict'] as { readonly status: string } | undefined;
  const skipped = data['skipped'] as readonly string[] | undefined;
  return [
    kind,
    ...(numbered?.fact === undefined ? [] : [numbered.fact.type]),
    ...(verdict === undefined ? [] : [`telemetry ${verdict.status}`]),
    ...(skipped === undefined || skipped.length === 0 ? [] : ['hosts skipped']),
  ];
}
