/**
 * The memory that request bodies may take, reserved before the first byte is read: by the declared length, or by the
 * route's limit where none is declared. Telemetry leaves a reserve to events and operators, and no single client may
 * hold more than its share, so that one token cannot keep the others out.
 */
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import { Refusal } from './refusal.ts';

/** `batch` counts as telemetry, and few of one client are taken at a time. */
export type BodyKind = 'telemetry' | 'batch' | 'other';

export interface BodyLimits {
  /** Of all bodies together. */
  readonly bodiesBytes: number;
  /** Of those, kept free of telemetry. */
  readonly reservedBytes: number;
  /** Of one client. */
  readonly clientBodiesBytes: number;
  /** Batches of one client at the same time. */
  readonly clientBatches: number;
}

/** Room that one body has; given back once, when its request is answered. */
export interface BodyRoom {
  /** The body turned out to be of this size. Throws {@link Refusal} with 503 where there is no room for it. */
  resize(bytes: number): void;
  release(): void;
}

interface Held {
  bytes: number;
  batches: number;
}

export class BodyBudget {
  readonly #limits: BodyLimits;
  readonly #clients = new Map<string, Held>();
  #bytes = 0;

  constructor(limits: BodyLimits = HTTP_LIMITS) {
    this.#limits = limits;
  }

  /** Bytes that are reserved now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws {@link Refusal} with 503 where there is no room. `client`: a token's id, or an address. */
  reserve(client: string, kind: BodyKind, bytes: number): BodyRoom {
    const held = this.#clients.get(client) ?? { bytes: 0, batches: 0 };
    if (kind === 'batch' && held.batches >= this.#limits.clientBatches) {
      throw refusal(`${held.batches} batches of this client are being received already: send one after the other`);
    }
    this.#requireRoom(held, kind, bytes);
    this.#clients.set(client, held);
    if (kind === 'batch') held.batches += 1;
    this.#add(held, bytes);
    let current = bytes;
    let isReleased = false;
    return {
      resize: (size) => {
        if (isReleased) return;
        if (size > current) this.#requireRoom(held, kind, size - current);
        this.#add(held, size - current);
        current = size;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#add(held, -current);
        if (kind === 'batch') held.batches -= 1;
        if (held.bytes === 0 && held.batches === 0) this.#clients.delete(client);
      },
    };
  }

  #requireRoom(held: Held, kind: BodyKind, bytes: number): void {
    const { bodiesBytes, reservedBytes, clientBodiesBytes } = this.#limits;
    const room = kind === 'other' ? bodiesBytes : bodiesBytes - reservedBytes;
    if (this.#bytes + bytes > room) throw refusal('too many bodies are being received');
    if (held.bytes + bytes > clientBodiesBytes) throw refusal('too many bodies of this client are being received');
  }

  #add(held: Held, bytes: number): void {
    held.bytes += bytes;
    this.#bytes += bytes;
  }
}

function refusal(detail: string): Refusal {
  return new Refusal(problem(503, `${detail}: try again shortly`, {}, { 'retry-after': '1' }));
}
