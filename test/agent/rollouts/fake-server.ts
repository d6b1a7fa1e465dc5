/**
 * The server's side of rollouts for one host, in memory: the contract's transition table, its rules about numbers and
 * epochs, and faults on demand. Keeps everything that was reported, in order.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import canonicalize from 'canonicalize';
import type { HostState } from '../../../src/domain/rollout.ts';
import { nextState } from '../../../src/rollout/transitions.ts';
import { type AgentEventBody, agentEventSchema } from '../../../src/wire/agent-event.ts';
import type { ManifestBody } from '../../../src/wire/release.ts';

export const FAKE_TOKEN = 'nxa_0123456789abcdef';
const FAKE_HOSTNAME = 'web-1';

export type ReportedEvent = AgentEventBody['event'];

export interface FakeRollout {
  readonly id: string;
  readonly stack: string;
  readonly release: string;
  readonly soakSeconds: number;
  readonly epoch: number;
  state: HostState;
  lastSeq: number;
  previousRelease: string | null;
  soakDueMs: number | null;
  regressed: string | null;
  /** What was applied. */
  readonly events: ReportedEvent[];
  /** When each of them was. */
  readonly appliedAtMs: number[];
}

/** `down`: connections are cut. A number: every request is answered so. */
export type Weather = 'up' | 'down' | number;

export class FakeServer {
  weather: Weather = 'up';
  /** Decides on single requests; undefined: as usual. `drop`: carried out, and the answer is lost. */
  intercept: (method: string, path: string, body: unknown) => number | 'drop' | undefined = () => undefined;
  /** `converged` is refused while this says so. */
  holdsConvergence: () => boolean = () => false;
  /** Events that were answered 409, 404 or 422, with the state they were refused in. */
  readonly refused: { readonly type: string; readonly state: string }[] = [];
  readonly releaseRequests: string[] = [];
  /** Polls that were told, at the end of their time, that there is nothing to do. */
  emptyAnswers = 0;
  readonly #rollouts = new Map<string, FakeRollout>();
  readonly #releases = new Map<string, Buffer>();
  readonly #waiting = new Set<() => void>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  #url = new URL('http://127.0.0.1');

  /** Listens on a free port of `host` until the test is over. */
  static async start(test: Pick<TestContext, 'after'>, host = '127.0.0.1'): Promise<FakeServer> {
    const fake = new FakeServer();
    fake.#server.on('connection', (socket) => {
      fake.#sockets.add(socket);
      socket.on('close', () => fake.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => fake.#server.listen(0, host, resolve));
    fake.#url = new URL(`http://${host}:${(fake.#server.address() as AddressInfo).port}`);
    test.after(() => fake.stop());
    return fake;
  }

  get url(): URL {
    return this.#url;
  }

  /** Cuts every connection, those that wait too. */
  cut(): void {
    this.weather = 'down';
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Takes a release; returns its digest. */
  publish(manifest: ManifestBody): string {
    const bytes = Buffer.from(canonicalize(manifest) ?? '');
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.#releases.set(digest, bytes);
    return digest;
  }

  /** Hands out other bytes under a release's name. */
  tamper(digest: string, bytes: Buffer): void {
    this.#releases.set(digest, bytes);
  }

  /** Offers a release to the host. */
  offer(offer: { id: string; stack: string; release: string; soakSeconds: number; epoch: number }): FakeRollout {
    const rollout: FakeRollout = {
      ...offer,
      state: 'pending',
      lastSeq: 0,
      previousRelease: null,
      soakDueMs: null,
      regressed: null,
      events: [],
      appliedAtMs: [],
    };
    this.#rollouts.set(offer.id, rollout);
    this.wake();
    return rollout;
  }

  /** The server does not know the rollout any more. */
  forget(id: string): void {
    this.#rollouts.delete(id);
  }

  get waitingPolls(): number {
    return this.#waiting.size;
  }

  /** Lets waiting polls look again. */
  wake(): void {
    for (const look of this.#waiting) look();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.weather === 'down') return void request.socket.destroy();
    const path = new URL(request.url ?? '', this.#url).pathname;
    const text = Buffer.concat(chunks).toString();
    const body: unknown =
      request.headers['content-type'] === 'application/json' && text !== '' && !path.includes('telemetry')
        ? JSON.parse(text)
        : null;
    const forced = typeof this.weather === 'number' ? this.weather : this.intercept(request.method ?? '', path, body);
    if (typeof forced === 'number') return void response.writeHead(forced).end();
    if (request.headers.authorization !== `Bearer ${FAKE_TOKEN}`) return void response.writeHead(401).end();
    const lossy = forced === 'drop';
    const answer = (status: number, json?: unknown): void => {
      if (lossy) return void request.socket.destroy();
      const bytes = Buffer.isBuffer(json) ? json : json === undefined ? '' : JSON.stringify(json);
      response.writeHead(status, { 'content-type': 'application/json' }).end(bytes);
    };
    if (path.startsWith('/agent/telemetry')) return answer(204);
    if (path === '/v1/agent/state') return answer(200, this.#state());
    if (path === '/v1/agent/dispatch') return this.#poll(request, response, answer);
    if (path === '/v1/agent/events') return this.#report(body, answer);
    if (path.startsWith('/v1/releases/')) {
      const digest = decodeURIComponent(path.slice('/v1/releases/'.length));
      this.releaseRequests.push(digest);
      const bytes = this.#releases.get(digest);
      return bytes === undefined ? answer(404, {}) : answer(200, bytes);
    }
    return answer(404, {});
  }

  #state() {
    const open = [...this.#rollouts.values()].filter(({ state }) => state !== 'converged' && state !== 'reverted');
    return {
      hostname: FAKE_HOSTNAME,
      rollouts: open.map((rollout) => ({
        rollout_id: rollout.id,
        stack: rollout.stack,
        release: rollout.release,
        state: rollout.state,
        last_event_seq: rollout.lastSeq,
        soak_due_at: rollout.soakDueMs === null ? null : new Date(rollout.soakDueMs).toISOString(),
        previous_release: rollout.previousRelease,
        epoch: rollout.epoch,
      })),
    };
  }

  #poll(request: IncomingMessage, response: ServerResponse, answer: (status: number, json?: unknown) => void): void {
    const look = (): boolean => {
      const offered = [...this.#rollouts.values()].find(
        ({ state, regressed }) =>
          state === 'pending' || (regressed !== null && (state === 'soaking' || state === 'failed')),
      );
      if (offered === undefined) return false;
      finish();
      const { id, stack, release, soakSeconds, epoch, regressed } = offered;
      answer(200, {
        rollout_id: id,
        stack,
        release,
        soak_seconds: soakSeconds,
        epoch,
        ...(regressed === null ? {} : { regressed: { reason: regressed } }),
      });
      return true;
    };
    const wait = Number(new URL(request.url ?? '', this.#url).searchParams.get('wait')) * 1000;
    const timer = setTimeout(() => {
      finish();
      this.emptyAnswers += 1;
      answer(204);
    }, wait);
    const finish = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    };
    response.once('close', finish);
    this.#waiting.add(look);
    look();
  }

  #report(body: unknown, answer: (status: number, json?: unknown) => void): void {
    const parsed = agentEventSchema.safeParse(body);
    const raw = body as AgentEventBody;
    if (!parsed.success) {
      this.refused.push({ type: raw?.event?.type ?? '?', state: `422 ${parsed.error.message}` });
      return answer(422, { detail: parsed.error.message });
    }
    if (raw.hostname !== FAKE_HOSTNAME) return answer(403, {});
    const rollout = this.#rollouts.get(raw.rollout_id);
    const { event } = raw;
    if (rollout === undefined) {
      this.refused.push({ type: event.type, state: '404' });
      return answer(404, { detail: 'no such rollout for this host' });
    }
    if (event.seq <= rollout.lastSeq) {
      const applied = rollout.events.find(({ seq }) => seq === event.seq);
      const same = applied === undefined || canonicalize(applied) === canonicalize(event);
      return same ? answer(204) : this.#refuse(rollout, event, 'that number has another body', answer);
    }
    const next = nextState(rollout.state, event.type);
    if (next === undefined) return this.#refuse(rollout, event, 'illegal here', answer);
    if (event.type === 'activation_completed' && event.observed_release !== rollout.release) {
      return this.#refuse(rollout, event, 'not the target', answer);
    }
    const nowMs = Date.now();
    if (event.type === 'converged' && (nowMs < (rollout.soakDueMs ?? Infinity) || this.holdsConvergence())) {
      return this.#refuse(rollout, event, 'too early', answer);
    }
    if (event.type === 'dispatch_ack') rollout.previousRelease = event.current_release;
    if (event.type === 'activation_completed') rollout.soakDueMs = nowMs + rollout.soakSeconds * 1000;
    rollout.state = next;
    rollout.lastSeq = event.seq;
    rollout.events.push(event);
    rollout.appliedAtMs.push(nowMs);
    answer(204);
  }

  #refuse(
    rollout: FakeRollout,
    event: ReportedEvent,
    detail: string,
    answer: (status: number, json?: unknown) => void,
  ): void {
    this.refused.push({ type: event.type, state: rollout.state });
    answer(409, { detail, current_state: rollout.state, last_event_seq: rollout.lastSeq });
  }
}
