/**
 * The appliance wired as `main` wires it, but with its ticker in the test's hand, so that time passes only when the
 * test says so, and with the store open to a test that wants to watch it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { ForwardingFigures } from '../../src/domain/figures.ts';
import type { Retention } from '../../src/domain/history.ts';
import type { Store } from '../../src/domain/store.ts';
import { type HttpListener, listen } from '../../src/http/http-server.ts';
import { HttpSurface } from '../../src/http/http-surface.ts';
import { ThreadedIntake } from '../../src/intake/threaded-intake.ts';
import { HistoryMaintenance } from '../../src/server/history/history-maintenance.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import { CommittedFleetQueries } from '../../src/server/queries/fleet-queries.ts';
import { CommittedRolloutQueries } from '../../src/server/queries/rollout-queries.ts';
import { HostDispatches } from '../../src/server/rollouts/dispatches.ts';
import { Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import type { JsonObject } from '../wire/telemetry-body.ts';
import { HttpClient, type Reply } from './http-client.ts';
import { Operator } from './operator.ts';

export interface FleetServerOptions {
  readonly agentRateLimit?: number;
  readonly retention?: Retention;
  /** Default: a new one, removed after the test. */
  readonly dataDir?: string;
  /** Puts something between the writer and its store. */
  readonly watchStore?: (store: Store) => Store;
  readonly forwarding?: (() => ForwardingFigures) | undefined;
  /** Starts the thread that reads telemetry. */
  readonly startThread?: () => Worker;
}

const LOOPBACK = '127.0.0.1';

export class FleetServer {
  /** Noon of 1 March 2026 until a test sets it. */
  readonly clock = new SettableRuntime('2026-03-01T12:00:00Z');
  readonly log = new RecordingLog();
  readonly dataDir: string;
  readonly #options: FleetServerOptions;
  #running: Running | undefined;

  private constructor(options: FleetServerOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), 'nexus-fleet-'));
  }

  /** Listens until the test ends. */
  static async start(test: Pick<TestContext, 'after'>, options: FleetServerOptions = {}): Promise<FleetServer> {
    const server = new FleetServer(options);
    test.after(async () => {
      await server.stop();
      rmSync(server.dataDir, { recursive: true, force: true });
    });
    await server.#open();
    return server;
  }

  async #open(): Promise<void> {
    const writer = new Writer(this.clock, this.log);
    const maintenance = new HistoryMaintenance(writer, this.clock, this.log, this.#options.retention);
    const dispatches = new HostDispatches(writer, this.clock);
    const store = openStore(this.dataDir, this.clock.nowMs());
    await writer.attach(this.#options.watchStore?.(store) ?? store, () => {});
    const intake = new ThreadedIntake(this.clock, this.log, this.#options.startThread);
    const surface = new HttpSurface({
      commands: writer,
      telemetry: intake,
      queries: new CommittedFleetQueries(writer, maintenance),
      rollouts: new CommittedRolloutQueries(writer),
      dispatches,
      identities: new TokenIdentities(writer),
      readiness: writer,
      output: writer,
      runtime: this.clock,
      log: this.log,
      agentRateLimit: this.#options.agentRateLimit ?? 0,
      forwarding: this.#options.forwarding,
    });
    const socketPath = path.join(this.dataDir, 'nexus.sock');
    rmSync(socketPath, { force: true });
    const tcp = await listen(this.clock, surface, { host: LOOPBACK, port: 0 });
    const socket = await listen(this.clock, surface, { socketPath });
    const agents = new HttpClient({ host: LOOPBACK, port: tcp.port });
    const operator = new Operator(new HttpClient({ socketPath }));
    this.#running = { writer, maintenance, dispatches, intake, listeners: [tcp, socket], agents, operator };
  }

  get #now(): Running {
    if (this.#running === undefined) throw new Error('the server is stopped');
    return this.#running;
  }

  get store(): Store {
    return this.#now.writer.attached().store;
  }

  /** Over TCP. */
  get agents(): HttpClient {
    return this.#now.agents;
  }

  /** Over the Unix socket. */
  get operator(): Operator {
    return this.#now.operator;
  }

  /** The operator API over TCP, with this token. */
  operatorOverTcp(method: string, requestPath: string, token?: string, body?: unknown): Promise<Reply> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return new Operator(this.agents).send(method, requestPath, body, headers);
  }

  /** Posts one tick and returns the status of the answer. */
  async report(token: string, body: JsonObject): Promise<number> {
    return (await this.post('/agent/telemetry', token, body)).status;
  }

  /** Posts kept ticks and returns the status of the answer. */
  async backFill(token: string, ticks: readonly JsonObject[]): Promise<number> {
    return (await this.post('/agent/telemetry/batch', token, { ticks })).status;
  }

  post(requestPath: string, token: string, body: unknown): Promise<Reply> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    return this.agents.send({ method: 'POST', path: requestPath, headers, body: JSON.stringify(body) });
  }

  /** Lets the ticker look at the clock. */
  tick(): Promise<void> {
    return this.#now.writer.tick();
  }

  /** Ages history until there is nothing left to do now. `onPiece` is called after every piece of the work. */
  async compact(onPiece: () => void = () => {}): Promise<void> {
    const isOver = (): boolean => {
      onPiece();
      return false;
    };
    // Between two pieces a damaged chunk may have to be reported first.
    while (this.#now.maintenance.work(isOver)) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.agents.close();
    running.operator.client.close();
    running.dispatches.endPolls();
    await Promise.all(running.listeners.map((listener) => listener.close()));
    await running.intake.close();
    await running.writer.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#open();
  }
}

interface Running {
  readonly writer: Writer;
  readonly maintenance: HistoryMaintenance;
  readonly dispatches: HostDispatches;
  readonly intake: ThreadedIntake;
  readonly listeners: readonly HttpListener[];
  readonly agents: HttpClient;
  readonly operator: Operator;
}
