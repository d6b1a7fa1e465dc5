/**
 * A machine with clocks of its own, and the processes that run on it. What reaches a process from outside (a timer, an
 * answer, the end of a disk operation) goes through `guard`, so that a dead process never hears of it and a suspended
 * one only once it goes on.
 */
import type { Runtime, Timer } from '../../../../src/domain/runtime.ts';
import type { SeededRandom } from '../../../domain/seeded-random.ts';
import type { EventQueue, ScheduledEvent } from './event-queue.ts';

/** The most that a timer comes late, on a machine that is not busy. */
const MAX_LATENESS_MS = 1.5;

export class Machine {
  readonly name: string;
  readonly queue: EventQueue;
  readonly random: SeededRandom;
  readonly #processes = new Set<SimulatedProcess>();
  readonly #resumed: (() => void)[] = [];
  #isSuspended = false;
  #boots = 1;
  /** Milliseconds of its clocks in one true millisecond. */
  #rate = 1;
  /** What its clocks showed at the true time `#anchorMs`. */
  #anchorMs: number;
  #monotonicMs: number;
  #wallMs: number;

  constructor(name: string, queue: EventQueue, random: SeededRandom) {
    this.name = name;
    this.queue = queue;
    this.random = random;
    this.#anchorMs = queue.nowMs;
    this.#wallMs = queue.nowMs;
    this.#monotonicMs = random.between(1_000, 100_000_000);
  }

  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Changes with every boot, as random(4) says. */
  get bootId(): string {
    return `${this.name}-boot-${this.#boots}`;
  }

  /** CLOCK_MONOTONIC: stands still while the machine is suspended. */
  monotonicMs(): number {
    const passedMs = this.#isSuspended ? 0 : (this.queue.nowMs - this.#anchorMs) * this.#rate;
    return this.#monotonicMs + passedMs;
  }

  wallMs(): number {
    return this.#wallMs + (this.queue.nowMs - this.#anchorMs) * this.#rate;
  }

  /** Somebody sets the wall clock; timers and durations must not notice. */
  stepWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** The wall clock shows the true time again, as a time server would have it. */
  correctWall(): void {
    this.#wallMs += this.queue.nowMs - this.wallMs();
  }

  /** Both clocks run fast (above 1) or slow (below) from now on. */
  setRate(rate: number): void {
    this.#anchor();
    this.#rate = rate;
    this.#rearm();
  }

  suspend(): void {
    if (this.#isSuspended) return;
    this.#anchor();
    this.#isSuspended = true;
    this.#rearm();
  }

  resume(): void {
    if (!this.#isSuspended) return;
    this.#anchor();
    this.#isSuspended = false;
    this.#rearm();
    for (const run of this.#resumed.splice(0)) this.queue.after(0, run);
  }

  /** Every process dies on the spot, and the clocks begin a new boot. */
  reboot(): void {
    this.resume();
    for (const running of [...this.#processes]) running.kill();
    this.#anchor();
    this.#monotonicMs = this.random.between(1_000, 60_000);
    this.#boots += 1;
  }

  spawn(name: string): SimulatedProcess {
    const process = new SimulatedProcess(`${this.name}/${name}`, this, () => this.#processes.delete(process));
    this.#processes.add(process);
    return process;
  }

  /** Calls back once the machine is not suspended: at once, as a rule. */
  whenAwake(run: () => void): void {
    if (this.#isSuspended) this.#resumed.push(run);
    else run();
  }

  /** True milliseconds until the monotonic clock shows `monotonicMs`; null: never, as it stands still. */
  trueDelayMs(monotonicMs: number): number | null {
    return this.#isSuspended ? null : Math.max(0, (monotonicMs - this.monotonicMs()) / this.#rate);
  }

  #anchor(): void {
    const [monotonicMs, wallMs] = [this.monotonicMs(), this.wallMs()];
    this.#anchorMs = this.queue.nowMs;
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
  }

  #rearm(): void {
    for (const process of this.#processes) process.rearmTimers();
  }
}

interface PendingTimer {
  readonly dueMonotonicMs: number;
  readonly callback: () => void;
  event: ScheduledEvent | null;
}

/** One life of a program on a machine, from its start to its end. */
export class SimulatedProcess {
  readonly name: string;
  readonly machine: Machine;
  readonly runtime: Runtime;
  readonly #onEnd = new Set<() => void>();
  readonly #timers = new Set<PendingTimer>();
  #isAlive = true;

  constructor(name: string, machine: Machine, onEnd: () => void) {
    this.name = name;
    this.machine = machine;
    this.#onEnd.add(onEnd);
    const { random, queue } = machine;
    this.runtime = {
      nowMs: () => Math.floor(machine.wallMs()),
      monotonicMs: () => machine.monotonicMs(),
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
      defer: (callback) => void queue.after(0, this.guard(callback)),
      random: () => random.next(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => random.between(0, 255)),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Timers that have not fired: a process at rest keeps few. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** What the process does about something outside of it; nothing once it is dead, and later while it is suspended. */
  guard<A extends unknown[]>(react: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      this.machine.whenAwake(() => {
        if (this.#isAlive) react(...args);
      });
    };
  }

  /** Resolves after `delayMs` of true time; never, when the process does not live to see it. */
  elapse(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.machine.queue.after(delayMs, this.guard(resolve)));
  }

  /** Called when the process ends, however that comes about; until what this returns is called. */
  onEnd(react: () => void): () => void {
    this.#onEnd.add(react);
    return () => this.#onEnd.delete(react);
  }

  /** Ends it between two turns, wherever it is: nothing of it runs after this. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const { event } of this.#timers) event?.cancel();
    this.#timers.clear();
    const reactions = [...this.#onEnd];
    this.#onEnd.clear();
    for (const react of reactions) react();
  }

  /** The machine's monotonic clock stands still, goes on, or changes its pace. */
  rearmTimers(): void {
    for (const timer of this.#timers) {
      timer.event?.cancel();
      this.#arm(timer);
    }
  }

  #setTimer(delayMs: number, callback: () => void): Timer {
    const { machine } = this;
    const latenessMs = 0.01 + machine.random.next() * MAX_LATENESS_MS;
    const dueMonotonicMs = machine.monotonicMs() + Math.max(0, delayMs) + latenessMs;
    const timer: PendingTimer = { dueMonotonicMs, callback, event: null };
    if (!this.#isAlive) return { cancel: () => {} };
    this.#timers.add(timer);
    this.#arm(timer);
    return {
      cancel: () => {
        timer.event?.cancel();
        this.#timers.delete(timer);
      },
    };
  }

  #arm(timer: PendingTimer): void {
    const delayMs = this.machine.trueDelayMs(timer.dueMonotonicMs);
    timer.event =
      delayMs === null
        ? null
        : this.machine.queue.after(delayMs, () => {
            this.#timers.delete(timer);
            timer.callback();
          });
  }
}
