/** Agents by the thousand in one process, each with its own kept connection, as far as a rollout needs them. */
import { type Answer, KeptConnection, type Target } from './kept-connection.ts';
import type { Pace } from './pace.ts';
import { Samples } from './samples.ts';

export interface Offer {
  readonly rollout_id: string;
  readonly release: string;
}

/** What the answers to events came to, between two moments. */
export class EventFigures {
  readonly delaysMs = new Samples();
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = 0;

  note(dueMs: number, answeredMs: number): void {
    this.firstMs = Math.min(this.firstMs, dueMs);
    this.lastMs = Math.max(this.lastMs, answeredMs);
    this.delaysMs.add(answeredMs - dueMs);
  }

  get perSecond(): number {
    return (this.delaysMs.count * 1000) / (this.lastMs - this.firstMs);
  }
}

/** By the server's clock the soak begins before the answer to `activation_completed`: this much is for rounding. */
const SOAK_MARGIN_MS = 10;

export class SimulatedHost {
  readonly name: string;
  readonly #headers: string;
  readonly #target: Target;
  #connection: KeptConnection | null = null;

  constructor(name: string, token: string, target: Target) {
    this.name = name;
    this.#target = target;
    this.#headers = `host: bench\r\nauthorization: Bearer ${token}\r\n`;
  }

  async connect(): Promise<void> {
    this.#connection = await KeptConnection.open(this.#target);
  }

  close(): void {
    this.#connection?.close();
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.postText(path, JSON.stringify(body));
  }

  postText(path: string, body: string): Promise<Answer> {
    const head = `POST ${path} HTTP/1.1\r\n${this.#headers}content-type: application/json\r\n`;
    return this.#ask(head, body);
  }

  #ask(head: string, body?: string): Promise<Answer> {
    if (this.#connection === null) throw new Error(`${this.name} is not connected`);
    return this.#connection.ask(head, body);
  }

  /** Waits for an offer, however often the server lets it ask again. */
  async nextOffer(): Promise<Offer> {
    for (;;) {
      const { status, body } = await this.#ask(`GET /v1/agent/dispatch?wait=60 HTTP/1.1\r\n${this.#headers}`);
      if (status === 200) return JSON.parse(body) as Offer;
      if (status !== 204) throw new Error(`${this.name} was answered ${status} to its poll: ${body}`);
    }
  }

  /** Brings a release up without a hitch, and reports as an agent does. */
  async carryOut(offer: Offer, soakMs: number, pace: Pace, figures: EventFigures): Promise<void> {
    let seq = 0;
    const report = async (event: Record<string, unknown>): Promise<void> => {
      const dueMs = await pace.turn();
      seq += 1;
      const body = { hostname: this.name, rollout_id: offer.rollout_id, event: { ...event, seq }, signature: null };
      const { status, body: text } = await this.post('/v1/agent/events', body);
      pace.done();
      if (status !== 204) throw new Error(`${this.name} was answered ${status} to ${event['type']}: ${text}`);
      figures.note(dueMs, performance.now());
    };
    const now = () => new Date().toISOString();
    const probe = { probe: 'http', mode: 'enforce' };
    await report({ type: 'dispatch_ack', current_release: null, received_at: now() });
    await report({ type: 'activation_started', started_at: now(), method: 'compose' });
    await report({ type: 'activation_completed', observed_release: offer.release, exit_code: 0, completed_at: now() });
    const soaked = new Promise((resolve) => setTimeout(resolve, soakMs + SOAK_MARGIN_MS));
    const probes = [{ name: 'http', mode: 'enforce' }];
    await report({ type: 'probe_topology_declared', probes, declared_at: now() });
    await report({ type: 'probe_observed_first', ...probe, observed_at: now() });
    await report({ type: 'probe_result', ...probe, status: 'pass', observed_at: now(), failure_reason: null });
    await soaked;
    await report({ type: 'converged', converged_at: now(), current_release: offer.release });
  }
}

/** Runs `work` for each item, at most `width` at a time. */
export async function each<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
