/**
 * HTTP requests between machines over a network that delays, reorders, loses, repeats, breaks connections and cuts them
 * off, in one direction or both, until it is told to behave. What TCP promises is kept: bytes arrive whole or not at all.
 */
import type { SeededRandom } from '../../../domain/seeded-random.ts';
import type { EventQueue } from './event-queue.ts';
import type { Machine, SimulatedProcess } from './machine.ts';

export interface HttpMessage {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One request as its server sees it. */
export interface Incoming {
  readonly message: HttpMessage;
  /** The machine that it came from. */
  readonly from: string;
  respond(answer: HttpAnswer): void;
  /** Ends the connection instead. */
  cut(): void;
  /** Called when the client has gone away before it was answered. */
  onClosed(react: () => void): void;
}

export interface Conditions {
  /** Shares of messages, each way. */
  readonly lost: number;
  readonly repeated: number;
  /** The connection breaks, and its client hears of it. */
  readonly reset: number;
  readonly maxDelayMs: number;
}

export const CALM: Conditions = { lost: 0, repeated: 0, reset: 0, maxDelayMs: 40 };

export type Direction = 'to server' | 'from server';

/** Why a request has no answer, with the code that Node gives it. */
export class NetworkError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: the connection failed`);
    this.code = code;
  }
}

/** Watches what really crosses the network. */
export interface Wiretap {
  /** A machine sends a request. */
  onSend(from: string, message: HttpMessage): void;
  /** A request has come to the server, perhaps once more. */
  onRequest(from: string, message: HttpMessage): void;
  /** The server has sent this answer. */
  onAnswer(from: string, message: HttpMessage, answer: HttpAnswer): void;
}

export class Network {
  conditions: Conditions;
  readonly #queue: EventQueue;
  readonly #random: SeededRandom;
  readonly #tap: Wiretap;
  readonly #cuts = new Map<string, ReadonlySet<Direction>>();
  #server: { readonly process: SimulatedProcess; readonly serve: (incoming: Incoming) => void } | null = null;
  #underWay = 0;

  constructor(queue: EventQueue, random: SeededRandom, conditions: Conditions, tap: Wiretap) {
    this.#queue = queue;
    this.#random = random;
    this.conditions = conditions;
    this.#tap = tap;
  }

  /** Requests that have neither been answered nor given up. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Nothing passes in those directions between the server and this machine, and nobody hears of it. */
  cut(machine: string, directions: readonly Direction[]): void {
    this.#cuts.set(machine, new Set(directions));
  }

  mend(machine: string): void {
    this.#cuts.delete(machine);
  }

  mendAll(): void {
    this.#cuts.clear();
  }

  /** The process answers from now on; its end closes every connection to it. */
  listen(process: SimulatedProcess, serve: (incoming: Incoming) => void): void {
    const server = { process, serve };
    this.#server = server;
    process.onEnd(() => {
      if (this.#server === server) this.#server = null;
    });
  }

  /**
   * Sends one request. Rejects with {@link NetworkError} when the connection fails, with the signal's reason when it
   * aborts, and never settles when nothing is heard, or the client is dead.
   */
  request(client: SimulatedProcess, message: HttpMessage, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      this.#underWay += 1;
      const closed: (() => void)[] = [];
      let isOver = false;
      const finish = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        this.#underWay -= 1;
        signal.removeEventListener('abort', abort);
        forgetEnd();
        settle();
      };
      const close = (): void => {
        this.#pass(client.machine, 'to server', () => {
          for (const react of closed.splice(0)) react();
        });
      };
      const abort = (): void => {
        finish(() => reject(signal.reason));
        close();
      };
      signal.addEventListener('abort', abort);
      const forgetEnd = client.onEnd(() => {
        finish(() => {});
        close();
      });
      const exchange: Exchange = {
        client,
        message,
        closed,
        isOver: () => isOver,
        answer: client.guard((answer: HttpAnswer) => finish(() => resolve(answer))),
        fail: client.guard((code: string) => finish(() => reject(new NetworkError(code)))),
      };
      this.#send(exchange);
    });
  }

  #send(exchange: Exchange): void {
    const { repeated, reset, maxDelayMs } = this.conditions;
    const { machine } = exchange.client;
    this.#tap.onSend(machine.name, exchange.message);
    if (this.#random.chance(reset)) {
      this.#pass(machine, 'from server', () => exchange.fail('ECONNRESET'));
      return;
    }
    this.#pass(machine, 'to server', () => this.#arrive(exchange, exchange.answer));
    // A copy that comes late is what reorders most: whatever was sent in between overtakes it.
    if (!this.#random.chance(repeated)) return;
    this.#queue.after(this.#random.between(1, 10 * maxDelayMs), () =>
      this.#pass(machine, 'to server', () => this.#arrive(exchange, () => {})),
    );
  }

  #arrive(exchange: Exchange, answer: (answer: HttpAnswer) => void): void {
    const server = this.#server;
    const { client, message, closed } = exchange;
    if (server === null) {
      this.#pass(client.machine, 'from server', () => exchange.fail('ECONNREFUSED'));
      return;
    }
    let isAnswered = false;
    const forgetEnd = server.process.onEnd(() => {
      if (!exchange.isOver()) this.#pass(client.machine, 'from server', () => exchange.fail('ECONNRESET'));
    });
    const incoming: Incoming = {
      message,
      cut: () => {
        if (isAnswered || !server.process.isAlive) return;
        isAnswered = true;
        forgetEnd();
        this.#pass(client.machine, 'from server', () => exchange.fail('ECONNRESET'));
      },
      from: client.machine.name,
      onClosed: (react) => closed.push(server.process.guard(react)),
      respond: (sent) => {
        if (isAnswered || !server.process.isAlive) return;
        isAnswered = true;
        forgetEnd();
        this.#tap.onAnswer(client.machine.name, message, sent);
        const isBroken = this.#random.chance(this.conditions.reset);
        this.#pass(client.machine, 'from server', () => (isBroken ? exchange.fail('ECONNRESET') : answer(sent)));
      },
    };
    server.process.guard(() => {
      this.#tap.onRequest(client.machine.name, message);
      server.serve(incoming);
    })();
  }

  /** One message one way, perhaps never. */
  #pass(machine: Machine, direction: Direction, arrive: () => void): void {
    const { lost, maxDelayMs } = this.conditions;
    if (this.#cuts.get(machine.name)?.has(direction) === true || this.#random.chance(lost)) return;
    this.#queue.after(0.2 + this.#random.next() ** 3 * maxDelayMs, arrive);
  }
}

interface Exchange {
  readonly client: SimulatedProcess;
  readonly message: HttpMessage;
  /** What the server wants to hear once the client is gone. */
  readonly closed: (() => void)[];
  isOver(): boolean;
  answer(answer: HttpAnswer): void;
  fail(code: string): void;
}
