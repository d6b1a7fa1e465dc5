/** An agent as the server sees one: real HTTP on one kept connection, ticks, repetitions and back-fill. */
import { Client } from 'undici';
import type { SeededRandom } from '../../domain/seeded-random.ts';
import { HUNG_AFTER_MS } from '../../runtime/wait-until.ts';
import { bodyOf, type HostLedger, type LedgerTick, type Outcome } from './host-ledger.ts';

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** Posts JSON with a token. Rejects when no answer came. */
export async function post(client: Client, path: string, token: string, body: unknown): Promise<Answer> {
  const answer = await client.request({
    method: 'POST',
    path,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(HUNG_AFTER_MS),
  });
  const text = await answer.body.text();
  const header = (name: string): string | undefined => {
    const value = answer.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return { status: answer.statusCode, retryAfter: header('retry-after'), contentType: header('content-type'), text };
}

/** What an answer to telemetry means. Throws on one that no healthy agent should ever get. */
function judge(answer: Answer): Outcome {
  if (answer.status === 204) return 'acknowledged';
  if (answer.status !== 503) throw new Error(`telemetry was answered ${answer.status}: ${answer.text}`);
  if (!/^[1-9]\d*$/.test(answer.retryAfter ?? '')) {
    throw new Error(`a 503 came without Retry-After in seconds: ${answer.text}`);
  }
  return 'refused';
}

export class SimulatedAgent {
  readonly ledger: HostLedger;
  readonly #random: SeededRandom;
  readonly #recent: LedgerTick[] = [];

  constructor(ledger: HostLedger, random: SeededRandom) {
    this.ledger = ledger;
    this.#random = random;
  }

  /** Sends one request with these ticks and enters its outcome. */
  async send(client: Client, ticks: readonly LedgerTick[], asBatch = false): Promise<Outcome> {
    const [only] = ticks;
    let outcome: Outcome = 'unanswered';
    try {
      const answer =
        asBatch || only === undefined
          ? await post(client, '/agent/telemetry/batch', this.ledger.token, { ticks: ticks.map(bodyOf) })
          : await post(client, '/agent/telemetry', this.ledger.token, bodyOf(only));
      outcome = judge(answer);
    } catch (error) {
      if (!isBrokenConnection(error)) throw error;
    } finally {
      this.ledger.settle(ticks, outcome);
    }
    return outcome;
  }

  /** Keeps on posting until `stop` is aborted or a connection breaks; counts the requests that were acknowledged. */
  async run(url: string, stop: AbortSignal): Promise<number> {
    const first = new Client(url);
    const second = new Client(url);
    let acknowledged = 0;
    try {
      let outcomes = await this.#resendSome(first);
      while (!stop.aborted && !outcomes.includes('unanswered')) {
        outcomes = await this.#act(first, second);
        acknowledged += outcomes.filter((outcome) => outcome === 'acknowledged').length;
      }
      return acknowledged;
    } finally {
      await Promise.all([first.destroy(), second.destroy()]);
    }
  }

  /** As an agent does that is answered again; some are left as they were, so that both fates are verified. */
  async #resendSome(client: Client): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const tick of this.ledger.unsettled().slice(-20)) {
      if (this.#random.chance(0.5)) continue;
      outcomes.push(await this.send(client, [tick], this.ledger.isBackFill(tick)));
      if (outcomes.includes('unanswered')) break;
    }
    return outcomes;
  }

  async #act(first: Client, second: Client): Promise<Outcome[]> {
    const dice = this.#random.next();
    if (dice < 0.12 && this.#recent.length > 0) return [await this.send(first, [this.#random.pick(this.#recent)])];
    if (dice < 0.2) {
      // The same tick on two connections at once: each may answer only when it is stored.
      const twin = [this.#nextTick()];
      return Promise.all([this.send(first, twin), this.send(second, twin)]);
    }
    if (dice < 0.4) return [await this.send(first, this.#nextBatch(), true)];
    const tick = this.#nextTick();
    const outcome = await this.send(first, [tick]);
    if (outcome === 'acknowledged') this.#remember(tick);
    return [outcome];
  }

  #remember(tick: LedgerTick): void {
    this.#recent.push(tick);
    if (this.#recent.length > 50) this.#recent.shift();
  }

  #containers(): number | null {
    return this.#random.chance(0.4) ? null : this.#random.between(0, 12);
  }

  #nextTick(): LedgerTick {
    return this.ledger.nextTick(this.#containers());
  }

  #nextBatch(): LedgerTick[] {
    const size = this.#random.between(1, 15);
    return Array.from({ length: size }, () => this.ledger.nextBackFill(this.#containers()));
  }
}

/** Ticks of all of them that got their 204. */
export function countAcknowledged(agents: readonly SimulatedAgent[]): number {
  return agents.reduce((sum, { ledger }) => sum + ledger.acknowledgedCount, 0);
}

/** The socket failed or was closed, as opposed to an answer that is wrong. */
function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED'].includes(String(error.code));
}
