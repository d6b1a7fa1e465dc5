/**
 * The server on a machine of its own: the appliance as it is shipped, over a simulated store and network. It is killed
 * and started again; what its store has made durable stays.
 */
import { messageOf } from '../../../../src/domain/errors.ts';
import type { LogEvent } from '../../../../src/domain/event-log.ts';
import type { Log } from '../../../../src/domain/log.ts';
import type { Write } from '../../../../src/domain/writes.ts';
import type { HttpSurface } from '../../../../src/http/http-surface.ts';
import { type Appliance, type ApplianceParts, openAppliance } from '../../../../src/main.ts';
import { createMemoryStore } from '../../../../src/memory/memory-store.ts';
import type { Machine, SimulatedProcess } from '../kernel/machine.ts';
import type { HttpAnswer, Network } from '../kernel/network.ts';
import { serve } from './http-exchange.ts';
import { openSimulatedStore, type StorePace } from './simulated-store.ts';

export interface ServerOptions {
  readonly machine: Machine;
  readonly network: Network;
  readonly logOf: (process: SimulatedProcess) => Log;
  /** These entries of the log are durable now. */
  readonly onCommit: (entries: readonly LogEvent[]) => void;
  /** The server did what nothing in a simulation is a reason for. */
  readonly onFailure: (error: unknown) => void;
}

interface Life {
  readonly process: SimulatedProcess;
  /** What operators on the same machine reach; null until it listens. */
  local: HttpSurface | null;
  appliance: Appliance | null;
}

const CONFIG = { dataDir: '/data', listen: { host: '127.0.0.1', port: 0 }, agentRateLimit: 0 };

export class SimulatedServer {
  readonly machine: Machine;
  readonly pace: StorePace = { slowness: 1, failing: 'nothing' };
  readonly #options: ServerOptions;
  /** What is on disk; it outlives every life of the server. */
  #durable = createMemoryStore();
  /** Their numbers, by name. */
  readonly #hosts = new Map<string, number>();
  /** When the ticks of each host that came to disk were recorded. */
  readonly #ticks = new Map<number, Set<number>>();
  #life: Life | null = null;
  #isWanted = false;

  constructor(options: ServerOptions) {
    this.machine = options.machine;
    this.#options = options;
  }

  get process(): SimulatedProcess | null {
    return this.#life?.process ?? null;
  }

  start(): void {
    this.#isWanted = true;
    if (this.#life !== null) return;
    const { machine, logOf, onFailure } = this.#options;
    const process = machine.spawn('server');
    const life: Life = { process, local: null, appliance: null };
    this.#life = life;
    process.onEnd(() => {
      this.#life = null;
      // It was started again while it was still ending.
      if (this.#isWanted) this.start();
    });
    openAppliance(CONFIG, process.runtime, logOf(process), this.#partsOf(life)).then((appliance) => {
      life.appliance = appliance;
      if (!this.#isWanted) this.#close(life);
    }, onFailure);
  }

  #partsOf(life: Life): Partial<ApplianceParts> {
    const { process } = life;
    return {
      storeSource: {
        claim: () => ({ release() {} }),
        open: () =>
          openSimulatedStore({
            process,
            pace: this.pace,
            durable: this.#durable,
            onDurable: (writes) => this.#note(writes),
          }),
        check() {},
      },
      listen: async (surface) => {
        this.#options.network.listen(process, ({ message, from, respond, cut, onClosed }) =>
          onClosed(serve(surface, message, from, { onAnswer: respond, onBroken: cut })),
        );
        return { port: 8470, close: async () => {} };
      },
      listenLocally: async (surface) => {
        life.local = surface;
        return { port: 0, close: async () => {} };
      },
      startThread() {
        throw new Error('there are no threads in a simulation');
      },
    };
  }

  #note(writes: readonly Write[]): void {
    const entries: LogEvent[] = [];
    for (const write of writes) {
      if (write.kind === 'append_entry') entries.push(write.entry);
      if (write.kind === 'insert_host') this.#hosts.set(write.host.name, write.host.id);
      if (write.kind === 'insert_tick') this.#noteTick(write.hostId, write.recordedAtMs);
    }
    this.#options.onCommit(entries);
  }

  #noteTick(hostId: number, recordedAtMs: number): void {
    const ticks = this.#ticksOfId(hostId);
    if (ticks.has(recordedAtMs)) this.#options.onFailure(new Error(`the tick ${recordedAtMs} is stored twice`));
    ticks.add(recordedAtMs);
  }

  /** SIGKILL, or a cut of power: what was not durable is lost either way. */
  kill(): void {
    this.#isWanted = false;
    this.#life?.process.kill();
  }

  /** Copies what is durable now. What this returns puts the copy in its place, while the server does not run. */
  backUp(): () => void {
    const backup = createMemoryStore({ image: this.#durable.image() });
    return () => {
      this.#durable = backup;
      this.#ticks.clear();
      for (const { id, name } of backup.hosts()) this.#ticks.set(id, new Set(this.ticksOf(name)));
    };
  }

  /** SIGTERM: it finishes what it has taken, and ends. */
  stop(): void {
    this.#isWanted = false;
    if (this.#life !== null) this.#close(this.#life);
  }

  #close({ process, appliance }: Life): void {
    // Not open yet: it is closed once it is.
    void appliance?.close().then(
      () => process.kill(),
      (error) => this.#options.onFailure(new Error(`the server does not close: ${messageOf(error)}`)),
    );
  }

  /** An operator on the server's own machine. Null: no answer came. */
  ask(method: string, url: string, body?: unknown): Promise<HttpAnswer | null> {
    const life = this.#life;
    if (life === null || life.local === null) return Promise.resolve(null);
    const { local, process } = life;
    const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
    const headers: Record<string, string> =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) };
    return new Promise((resolve) => {
      const end = (answer: HttpAnswer | null): void => {
        forget();
        resolve(answer);
      };
      const forget = process.onEnd(() => end(null));
      serve(local, { method, path: url, headers, body: bytes }, 'local socket', {
        onAnswer: end,
        onBroken: () => end(null),
      });
    });
  }

  /** Follows the log after the entry `after` by the stream that operators have; resolves when the stream ends. */
  follow(after: number, onPiece: (text: string) => void): Promise<void> {
    const life = this.#life;
    if (life === null || life.local === null) return Promise.resolve();
    const { local, process } = life;
    const headers = { 'last-event-id': String(after) };
    const message = { method: 'GET', path: '/v1/stream', headers, body: Buffer.alloc(0) };
    return new Promise((resolve) => {
      const end = (): void => {
        forget();
        resolve();
      };
      const forget = process.onEnd(end);
      serve(local, message, 'local socket', { onAnswer: end, onBroken: end, onPiece });
    });
  }

  hasTick(host: string, recordedAtMs: number): boolean {
    const id = this.#hosts.get(host);
    return id !== undefined && this.#ticksOfId(id).has(recordedAtMs);
  }

  /** When every stored tick of a host was recorded. */
  ticksOf(host: string): number[] {
    const id = this.#hosts.get(host);
    if (id === undefined) return [];
    return [...this.#durable.history.ticks.range(id, 0, Number.MAX_SAFE_INTEGER)].map(
      ({ recordedAtMs }) => recordedAtMs,
    );
  }

  #ticksOfId(id: number): Set<number> {
    const known = this.#ticks.get(id) ?? new Set<number>();
    this.#ticks.set(id, known);
    return known;
  }
}
