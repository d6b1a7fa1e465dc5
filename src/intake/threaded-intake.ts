/**
 * Turns telemetry bodies into ticks. A body that arrives alone is read at once in this thread, which is fastest. Others
 * that arrive in the same turn go to a thread of their own, many in one message, so that reading and storing overlap.
 * That thread is started when it is needed, and ends after it has been idle for a while.
 */
import path from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { TelemetryIntake } from '../domain/ports.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { ReportedTick, Tick } from '../domain/telemetry.ts';
import { packed, readPlainBody, reported } from './read-body.ts';
import { readTicks, type TicksMessage, writeBodies } from './reader-protocol.ts';

/** Larger bodies are rare and would delay the others, so they are read in this thread. */
const MAX_BODY_BYTES = 256 * 1024;
/** Bodies in one message. */
const MAX_BODIES = 32;
/** Messages under way; the next one is sent when one has come back. */
const MAX_MESSAGES = 2;
/** Enough for the bodies of one message and what they are parsed into. */
const MEMORY = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 128 } as const;

/** A thread that is idle for this long ends and frees its memory. */
const IDLE_MS = 10_000;

interface Waiting {
  readonly body: Uint8Array;
  readonly resolve: (tick: ReportedTick | null) => void;
}

export function startThread(): Worker {
  if (isSea()) return new Worker(getAsset('bootstrap.cjs', 'utf8'), { eval: true, resourceLimits: MEMORY });
  return new Worker(path.join(import.meta.dirname, 'reader-thread.ts'), { resourceLimits: MEMORY });
}

export class ThreadedIntake implements TelemetryIntake {
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #startThread: () => Worker;
  readonly #idleMs: number;
  readonly #queue: Waiting[] = [];
  readonly #sent: Array<readonly Waiting[]> = [];
  #thread: Worker | null = null;
  #idle: Timer | null = null;
  #mayUseThread = true;
  #isTurnTaken = false;

  constructor(runtime: Runtime, log: Log, start: () => Worker = startThread, idleMs: number = IDLE_MS) {
    this.#runtime = runtime;
    this.#log = log;
    this.#startThread = start;
    this.#idleMs = idleMs;
  }

  /** The tick of a plain body; null when the schema must judge the body. */
  read(body: Uint8Array): Promise<ReportedTick | null> | ReportedTick | null {
    if (!this.#mayUseThread || body.length > MAX_BODY_BYTES) return this.#readHere(body);
    if (this.#isTurnTaken) return new Promise((resolve) => this.#queue.push({ body, resolve }));
    this.#isTurnTaken = true;
    this.#runtime.defer(() => {
      this.#isTurnTaken = false;
      this.#send();
    });
    return this.#readHere(body);
  }

  /** Packs a tick that the schema has read. */
  pack(tick: Tick): ReportedTick {
    return packed(tick);
  }

  #readHere(body: Uint8Array): ReportedTick | null {
    const tick = readPlainBody(body);
    return tick === null ? null : reported(body, tick);
  }

  #send(): void {
    while (this.#queue.length > 0 && this.#sent.length < MAX_MESSAGES && this.#mayUseThread) {
      const thread = this.#started();
      if (thread === null) return;
      const batch = this.#queue.splice(0, MAX_BODIES);
      const message = writeBodies(batch.map((waiting) => waiting.body));
      this.#sent.push(batch);
      this.#retireLater();
      thread.postMessage(message, [message.bytes.buffer]);
    }
  }

  /** Null when the system has no thread left. */
  #started(): Worker | null {
    if (this.#thread !== null) return this.#thread;
    try {
      const thread = this.#startThread();
      thread.on('message', (message: TicksMessage) => this.#take(message));
      const lose = (reason: string): void => {
        // A thread that was retired is expected to end.
        if (this.#thread === thread) this.#giveUp(reason);
      };
      thread.on('error', (error) => lose(messageOf(error)));
      thread.on('exit', () => lose('it ended'));
      thread.unref();
      this.#thread = thread;
      this.#retireLater();
    } catch (error) {
      this.#giveUp(messageOf(error));
    }
    return this.#thread;
  }

  #retireLater(): void {
    this.#idle?.cancel();
    this.#idle = this.#runtime.setTimer(this.#idleMs, () => this.#retire(), { keepsAlive: false });
  }

  /** Ends an idle thread. The next bodies that arrive together start another. */
  #retire(): void {
    if (this.#sent.length > 0) return this.#retireLater();
    const thread = this.#thread;
    this.#thread = null;
    void thread?.terminate();
  }

  #take(message: TicksMessage): void {
    const batch = this.#sent.shift() ?? [];
    const ticks = readTicks(message);
    for (const [index, { body, resolve }] of batch.entries()) {
      const tick = ticks[index] ?? null;
      resolve(tick === null ? null : reported(body, tick));
    }
    this.#send();
  }

  /** From now on every body is read in this thread. */
  #giveUp(reason: string): void {
    if (!this.#mayUseThread) return;
    this.#mayUseThread = false;
    this.#log.error(
      { reason },
      'the thread that reads telemetry failed: telemetry is now read on the main thread, which is slower',
    );
    this.#readWaiting();
  }

  #readWaiting(): void {
    for (const { body, resolve } of [...this.#sent.splice(0).flat(), ...this.#queue.splice(0)])
      resolve(this.#readHere(body));
  }

  /** Ends the thread. Bodies that wait for it are read here. */
  async close(): Promise<void> {
    this.#mayUseThread = false;
    this.#readWaiting();
    this.#idle?.cancel();
    await this.#thread?.terminate();
  }
}
