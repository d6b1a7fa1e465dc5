/** One container of a simulated engine, and how its image behaves once it runs. */
import type { SeededRandom } from '../../../domain/seeded-random.ts';
import type { Machine } from '../kernel/machine.ts';

/**
 * How an image does: `steady` runs well, `slow` takes a while to be healthy, `sick` turns unhealthy for good, `looping`
 * begins to crash again and again, `broken` exits at once, `leaky` takes more and more memory, `job` ends with code 0.
 */
export type Behaviour = 'steady' | 'slow' | 'sick' | 'looping' | 'broken' | 'leaky' | 'job';

/** What Compose asked for: the part of it that the engine looks at. */
export interface ContainerSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly imageId: string;
  readonly restarts: boolean;
  readonly hasHealthcheck: boolean;
}

/** A sick or looping image shows it so long after its container was made, at the latest. */
const SHOWS_WITHIN_MS = 4_000;
/** A looping image then runs for so many times as long before it crashes again: well, for anybody who looks meanwhile. */
const LOOP_RATIO = 3;
const BASE_MEMORY_MB = 100;
const LEAK_MB_PER_SECOND = 2;
const RESTART_PAUSE_MS = 300;

export type ContainerState = 'created' | 'running' | 'restarting' | 'exited';

export class Container {
  readonly id: string;
  readonly spec: ContainerSpec;
  name: string;
  state: ContainerState = 'created';
  health: 'starting' | 'healthy' | 'unhealthy' | null = null;
  exitCode = 0;
  /** Since it was last started from outside, as the engine has it. */
  restartCount = 0;
  /** Of its earlier runs and of this one, once it has ended. */
  readonly exitCodes: number[] = [];
  /** The release of the last `up` that has made it, or has left it as it is. */
  broughtUpBy: string | null = null;
  /** By its host's wall clock. */
  readonly createdAtMs: number;
  /** By its host's wall clock; null: it never ran. */
  startedAtMs: number | null = null;
  readonly #behaviour: Behaviour;
  readonly #machine: Machine;
  readonly #random: SeededRandom;
  readonly #madeAtMs: number;
  readonly #showsAfterMs: number;
  /** In true time, since it was last started from outside: what came before the engine may have forgotten. */
  #crashedAtMs: number[] = [];
  /** Counts its runs: what an earlier one was about to do does not happen to this one. */
  #run = 0;

  constructor(id: string, name: string, spec: ContainerSpec, behaviour: Behaviour, machine: Machine) {
    this.id = id;
    this.name = name;
    this.spec = spec;
    this.#behaviour = behaviour;
    this.#machine = machine;
    this.#random = machine.random;
    this.createdAtMs = Math.floor(machine.wallMs());
    this.#madeAtMs = machine.queue.nowMs;
    this.#showsAfterMs = this.#random.between(1_000, SHOWS_WITHIN_MS);
  }

  get isRunning(): boolean {
    return this.state === 'running';
  }

  /** What a check inside of it would find. */
  get isWell(): boolean {
    return this.#behaviour !== 'sick' || this.#nowMs < this.#madeAtMs + this.#showsAfterMs;
  }

  /** Whether it is in a loop that has shown in this span of true time. Any image may crash once by a fault. */
  hasLoopedWithin(fromMs: number, untilMs: number): boolean {
    return this.#behaviour === 'looping' && this.#crashedAtMs.some((atMs) => atMs >= fromMs && atMs < untilMs);
  }

  get memoryMb(): number {
    const grows = this.#behaviour === 'leaky' && this.isRunning;
    return BASE_MEMORY_MB + (grows ? (LEAK_MB_PER_SECOND * (this.#nowMs - this.#madeAtMs)) / 1000 : 0);
  }

  /** Starts it from outside, by a command or by the start of the engine. */
  start(): void {
    if (this.state === 'running' || this.state === 'restarting') return;
    this.restartCount = 0;
    this.#crashedAtMs = [];
    this.#begin();
  }

  #begin(): void {
    this.#run += 1;
    this.state = 'running';
    this.exitCode = 0;
    this.startedAtMs = Math.floor(this.#machine.wallMs());
    this.health = this.spec.hasHealthcheck ? 'starting' : null;
    this.#live();
  }

  /** Ends its run from outside: nothing restarts it. */
  stop(exitCode: number): void {
    if (this.state === 'created') return;
    this.#run += 1;
    this.state = 'exited';
    this.health = this.health === null ? null : 'unhealthy';
    this.exitCode = exitCode;
    this.exitCodes.push(exitCode);
  }

  /** Ends its run from inside: the engine restarts it, if it is to. */
  crash(exitCode: number): void {
    if (this.state !== 'running') return;
    this.stop(exitCode);
    this.#crashedAtMs.push(this.#nowMs);
    if (!this.spec.restarts) return;
    this.state = 'restarting';
    this.#later(RESTART_PAUSE_MS, () => {
      this.restartCount += 1;
      this.#begin();
    });
  }

  get #nowMs(): number {
    return this.#machine.queue.nowMs;
  }

  #live(): void {
    const untilShownMs = Math.max(0, this.#madeAtMs + this.#showsAfterMs - this.#nowMs);
    switch (this.#behaviour) {
      case 'steady':
      case 'leaky':
        this.#become('healthy', this.#random.between(200, 2_500));
        break;
      case 'slow':
        this.#become('healthy', this.#random.between(4_000, 9_000));
        break;
      case 'sick':
        if (untilShownMs > 0) this.#become('healthy', this.#random.between(200, 800));
        this.#become('unhealthy', Math.max(untilShownMs, 900));
        break;
      case 'looping':
        this.#become('healthy', 150);
        this.#later(untilShownMs > 0 ? untilShownMs : this.#showsAfterMs * LOOP_RATIO, () => this.crash(1));
        break;
      case 'broken':
        this.#later(this.#random.between(20, 200), () => this.crash(1));
        break;
      case 'job':
        this.#later(this.#random.between(200, 3_000), () => this.stop(0));
        break;
    }
  }

  #become(health: 'healthy' | 'unhealthy', delayMs: number): void {
    if (!this.spec.hasHealthcheck) return;
    this.#later(delayMs, () => {
      this.health = health;
    });
  }

  #later(delayMs: number, happen: () => void): void {
    const run = this.#run;
    this.#machine.queue.after(delayMs, () => {
      this.#machine.whenAwake(() => {
        if (this.#run === run) happen();
      });
    });
  }
}
