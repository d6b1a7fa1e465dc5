/** The appliance with its clocks and its periodic work in the test's hand, and with a store that the test can watch. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { Retention } from '../../src/domain/history.ts';
import type { Store } from '../../src/domain/store.ts';
import type { StoreSource } from '../../src/domain/store-source.ts';
import { type Appliance, openAppliance, type PeriodicWork } from '../../src/main.ts';
import { DataDirectory } from '../../src/sqlite/data-directory.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import type { JsonObject } from '../wire/telemetry-body.ts';
import { HttpClient, type Reply, targetOf } from './http-client.ts';
import { Operator } from './operator.ts';

export interface FleetServerOptions {
  readonly agentRateLimit?: number;
  readonly retention?: Retention;
  /** Default: a new one, removed after the test. */
  readonly dataDir?: string;
  /** In the place of the database in the data directory. */
  readonly openStore?: () => Store;
  /** Puts something between the writer and its store. */
  readonly watchStore?: (store: Store) => Store;
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
  #store: Store | undefined;
  #work: PeriodicWork | undefined;

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
    const {
      agentRateLimit = 0,
      retention,
      openStore,
      watchStore = (store: Store) => store,
      startThread,
    } = this.#options;
    const directory = new DataDirectory(this.dataDir);
    const storeSource: StoreSource = {
      claim: () => directory.claim(),
      open: (nowMs, onDamaged) => {
        this.#store = watchStore(openStore?.() ?? directory.open(nowMs, onDamaged));
        return this.#store;
      },
      check: () => directory.check(),
    };
    const drive = (work: PeriodicWork) => {
      this.#work = work;
      return { stop: () => {} };
    };
    const appliance = await openAppliance(
      { dataDir: this.dataDir, listen: { host: LOOPBACK, port: 0 }, agentRateLimit, ...(retention && { retention }) },
      this.clock,
      this.log,
      { storeSource, drive, ...(startThread && { startThread }) },
    );
    const agents = new HttpClient(targetOf(appliance.url));
    const operator = new Operator(new HttpClient({ socketPath: appliance.socketPath }));
    this.#running = { appliance, agents, operator };
  }

  get #now(): Running {
    if (this.#running === undefined) throw new Error('the server is stopped');
    return this.#running;
  }

  /** The store that was opened last. */
  get store(): Store {
    if (this.#store === undefined) throw new Error('no store was opened');
    return this.#store;
  }

  get #periodicWork(): PeriodicWork {
    if (this.#work === undefined) throw new Error('the server has nothing to do');
    return this.#work;
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
    return this.#periodicWork.tick();
  }

  /** Ages history until there is nothing left to do now. `onPiece` is called after every piece of the work. */
  async compact(onPiece: () => void = () => {}): Promise<void> {
    const isOver = (): boolean => {
      onPiece();
      return false;
    };
    // Between two pieces a damaged chunk may have to be reported first.
    while (this.#periodicWork.ageHistory(isOver)) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.agents.close();
    running.operator.client.close();
    await running.appliance.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#open();
  }
}

interface Running {
  readonly appliance: Appliance;
  readonly agents: HttpClient;
  readonly operator: Operator;
}
