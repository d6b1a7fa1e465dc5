/**
 * What the rows of the field table share: engines, a registry and a server. A few engines carry many rows at the same
 * time, as most of a row is waiting; rows that break an engine have two others to themselves, one row at a time.
 */
import path from 'node:path';
import type { TestContext } from 'node:test';
import {
  createNetworkNamespaces,
  importBusybox,
  type LabNetwork,
  type LabRegistry,
  removeNetworkNamespaces,
  setLink,
  startEngine,
  startRegistry,
} from '../../../scripts/lab/engine.ts';
import { afterwards } from '../support/afterwards.ts';
import { NexusServer, scratchDirectory } from '../support/nexus-server.ts';
import type { LabPlace } from '../support/rollout-lab.ts';
import type { FieldRow } from './row.ts';

type EngineUse = NonNullable<FieldRow['engines']>;

const SHARED_ENGINES = 3;
const OWN_ENGINES = 2;
/** Rows beside one another on one shared engine: two processors carry no more without the rows waiting for each other. */
const ROWS_PER_ENGINE = Number(process.env['NEXUS_FIELD_ROWS_PER_ENGINE'] ?? 4);
/** Large enough for the images of one row, and small enough to be filled in no time. */
const OWN_DISK_MB = 512;
/** Networks are plenty: Docker's own default gives out about thirty on one engine. */
const NETWORK_POOL = ['--default-address-pool', 'base=172.20.0.0/16,size=26'];

interface Slot {
  readonly index: number;
  readonly use: EngineUse;
  rows: number;
  place: Promise<LabPlace> | null;
}

interface Waiting {
  readonly count: number;
  readonly take: (slots: readonly Slot[]) => void;
}

export class FieldLab {
  readonly network: LabNetwork;
  readonly #test: TestContext;
  readonly #slots: readonly Slot[];
  readonly #waiting: Readonly<Record<EngineUse, Waiting[]>> = { shared: [], own: [] };
  #registry: Promise<LabRegistry> | null = null;
  #server: Promise<NexusServer> | null = null;
  #lastPort = 20_000;

  private constructor(test: TestContext, network: LabNetwork) {
    this.#test = test;
    this.network = network;
    this.#slots = network.hosts.map((_, index) => ({
      index,
      use: index < SHARED_ENGINES ? 'shared' : 'own',
      rows: 0,
      place: null,
    }));
  }

  /** Everything in it starts when the first row asks for it, and ends with the test. */
  static async open(test: TestContext): Promise<FieldLab> {
    const network = await createNetworkNamespaces(SHARED_ENGINES + OWN_ENGINES);
    afterwards(test, () => removeNetworkNamespaces(network));
    return new FieldLab(test, network);
  }

  /** Runs `work` on `count` engines, once so many have room for another row; the least busy ones are taken. */
  async onEngines<T>(use: EngineUse, count: number, work: (places: readonly LabPlace[]) => Promise<T>): Promise<T> {
    const slots = await new Promise<readonly Slot[]>((take) => {
      this.#waiting[use].push({ count, take });
      this.#serveWaiting(use);
    });
    try {
      return await work(await Promise.all(slots.map((slot) => this.#place(slot))));
    } finally {
      for (const slot of slots) slot.rows -= 1;
      this.#serveWaiting(use);
    }
  }

  registry(): Promise<LabRegistry> {
    this.#registry ??= this.#startRegistry();
    return this.#registry;
  }

  /** The server of all rows that have none of their own. */
  server(): Promise<NexusServer> {
    this.#server ??= this.startServer(this.#test);
    return this.#server;
  }

  startServer(test: TestContext, dataDir = path.join(scratchDirectory(test), 'data')): Promise<NexusServer> {
    return NexusServer.start(test, { dataDir, listen: `${this.network.serverAddress}:0` });
  }

  /** A port that no other row publishes. */
  nextPort(): number {
    this.#lastPort += 1;
    return this.#lastPort;
  }

  /** First come, first served: a row that needs three engines is not overtaken by one that needs one. */
  #serveWaiting(use: EngineUse): void {
    const most = use === 'own' ? 1 : ROWS_PER_ENGINE;
    const waiting = this.#waiting[use];
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const free = this.#slots.filter((slot) => slot.use === use && slot.rows < most);
      const chosen = free.toSorted((a, b) => a.rows - b.rows || a.index - b.index).slice(0, next.count);
      if (chosen.length < next.count) return;
      for (const slot of chosen) slot.rows += 1;
      waiting.shift();
      next.take(chosen);
    }
  }

  #place(slot: Slot): Promise<LabPlace> {
    slot.place ??= this.#startPlace(slot);
    return slot.place;
  }

  async #startPlace({ index, use }: Slot): Promise<LabPlace> {
    const host = this.network.hosts[index];
    if (host === undefined) throw new Error(`there is no host ${index}`);
    const disk = use === 'own' ? { diskMb: OWN_DISK_MB } : {};
    const engine = await startEngine({ netns: host.namespace, args: NETWORK_POOL, ...disk });
    afterwards(this.#test, async () => {
      await setLink(host, 'up');
      await engine.stop();
    });
    await importBusybox(engine);
    return { engine, host };
  }

  async #startRegistry(): Promise<LabRegistry> {
    const registry = await startRegistry(this.network);
    afterwards(this.#test, () => registry.stop());
    return registry;
  }
}
