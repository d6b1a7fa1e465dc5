/**
 * The reference store: it keeps every promise of a store, and does nothing else. Tests and simulators run the server on
 * it, with synchronous or asynchronous commits, and cut its power: {@link MemoryStore.image} is what a disk would hold.
 */
import { budgetName } from '../domain/budget.ts';
import { assertNever, NexusError } from '../domain/errors.ts';
import { EVENT_DATA, type LogEvent, NO_ENTRY, parseEventKind } from '../domain/event-log.ts';
import type { Lookup, LookupOf, LookupResult, StackUsage } from '../domain/lookups.ts';
import type { RolloutRows, StoredContainer, StoredRollout, StoredTick } from '../domain/records.ts';
import type { HostSnapshot, Numbered, Snapshot, Store } from '../domain/store.ts';
import type { Write } from '../domain/writes.ts';
import { HOST_ROW, PLAN_ROW, PROGRESS_ROW } from '../rollout/stored-rows.ts';
import { stackOf } from '../telemetry/container-presence.ts';
import { decodeSample } from '../telemetry/sample-codec.ts';
import { sumStack } from '../telemetry/stack-usage.ts';
import { createMemoryForwarding } from './memory-forwarding.ts';
import { createMemoryHistory, hasRow, markDamaged, placeOf, ticksOf } from './memory-history.ts';
import { type EntryRecord, emptyTables, type RolloutTexts, type Tables } from './tables.ts';

/** The durable content of a memory store. Only another memory store can interpret it. */
export interface MemoryImage {
  readonly tables: Tables;
}

export interface MemoryStoreOptions {
  /** The image of an earlier store. Default: an empty store. */
  readonly image?: MemoryImage;
  /**
   * Makes commits and lookups asynchronous: each commit awaits this before it stores anything, and stores nothing when it
   * rejects. Default: everything is synchronous.
   */
  readonly sync?: () => Promise<void>;
}

export interface MemoryStore extends Store {
  /** What is durable now, without the commit that is under way. */
  image(): MemoryImage;
}

export function createMemoryStore({ image, sync }: MemoryStoreOptions = {}): MemoryStore {
  const tables = image === undefined ? emptyTables() : structuredClone(image.tables);
  let isClosed = false;
  const use = (): Tables => {
    if (isClosed) throw new NexusError('store_unavailable', 'the store is closed: open it again');
    return tables;
  };
  const history = createMemoryHistory(use);

  function commitNow(writes: readonly Write[]): void {
    const undo: Array<() => void> = [];
    try {
      for (const write of writes) undo.push(apply(use(), write));
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
  }

  async function commitLater(writes: readonly Write[], synced: Promise<void>): Promise<void> {
    await synced;
    commitNow(writes);
  }

  function lookUpOne(lookup: Lookup): LookupResult {
    switch (lookup.kind) {
      case 'tick':
        return history.merged.has(lookup.hostId, lookup.recordedAtMs);
      case 'container':
        return findContainer(use(), lookup.hostId, lookup.containerId) ?? null;
      case 'applied_event':
        return appliedDigest(use(), lookup);
      case 'rollout_host': {
        const row = rolloutOf(use(), lookup.rolloutId)?.hosts.get(lookup.host);
        return row === undefined ? null : HOST_ROW.parse(row);
      }
      case 'rollout': {
        const row = rolloutOf(use(), lookup.rolloutId);
        return row === undefined ? null : readRollout(row);
      }
      case 'stack_usage':
        return readUsage(lookup);
      default:
        return assertNever(lookup);
    }
  }

  function readUsage({ hostId, stack, fromMs, toMs }: LookupOf<'stack_usage'>): StackUsage {
    const containers = [...use().containers.values()]
      .filter((container) => container.hostId === hostId && stackOf(container.identity) === stack)
      .map(({ id }) => id);
    const ofStack = new Set(containers);
    const samples = Array.from(history.ticks.range(hostId, fromMs, toMs), (tick) => sumStack(tick, ofStack));
    return { containers, samples: samples.filter((sample) => sample !== null) };
  }

  return {
    image: () => ({ tables: structuredClone(tables) }),
    load: () => load(use(), (hostId) => history.ticks.newestMs(hostId)),
    lookUp: (lookups) => {
      const results = lookups.map(lookUpOne);
      return sync === undefined ? results : Promise.resolve(results);
    },
    commit: (writes) => (sync === undefined ? commitNow(writes) : commitLater(writes, sync())),
    hosts: () => structuredClone([...use().hosts.values()]),
    containers: {
      find: (hostId, containerId) => findContainer(use(), hostId, containerId),
      page: (hostId, { after, limit }) =>
        [...use().containers.values()]
          .filter((container) => container.hostId === hostId && container.id > (after ?? 0))
          .sort((a, b) => a.id - b.id)
          .slice(0, limit),
    },
    events: {
      page: (after, limit, { host, rolloutId }) =>
        use()
          .entries.filter((entry) => entry.id > after)
          .filter((entry) => (rolloutId ?? null) === null || entry.rolloutId === rolloutId)
          .filter((entry) => (rolloutId ?? null) !== null || (host ?? null) === null || entry.host === host)
          .slice(0, limit)
          .map(readEntry),
      ofRollout: (rolloutId) =>
        use()
          .entries.filter((entry) => entry.rolloutId === rolloutId)
          .map(readEntry),
    },
    releases: {
      manifest: (digest) => use().releases.find(({ release }) => release.digest === digest)?.manifest,
    },
    rollouts: {
      find(id) {
        const row = rolloutOf(use(), id);
        return row && readRollout(row);
      },
      page({ after, limit }) {
        const before = after === null ? Number.POSITIVE_INFINITY : (rolloutOf(use(), after)?.number ?? 0);
        return use()
          .rollouts.filter(({ number }) => number < before)
          .sort((a, b) => b.number - a.number)
          .slice(0, limit)
          .map(readSummary);
      },
      differences: (folded) => differences(use(), folded),
    },
    history,
    forwarding: createMemoryForwarding(use),
    size: () => ({ fileBytes: 0, unusedBytes: 0, logBytes: 0 }),
    close() {
      isClosed = true;
    },
  };
}

function load(tables: Tables, newestMs: (hostId: number) => number | null): Snapshot {
  const { hosts, tokens, containers, entries, releases, quarantines, budgets, deployments, epochs, rollouts, last } =
    tables;
  const lastEntry = entries.at(-1);
  const { tick: _tick, request: _request, ...numbers } = last;
  return structuredClone({
    numbers,
    logHead: lastEntry === undefined ? NO_ENTRY : { id: lastEntry.id, hash: lastEntry.hash },
    hosts: [...hosts.values()].map((host): HostSnapshot => {
      return { host, newestMs: newestMs(host.id), ...latestOf(tables, host.id) };
    }),
    tokens: [...tokens.values()],
    containers: [...containers.values()]
      .filter(({ removedAtMs }) => removedAtMs === null)
      .map(({ identity: _identity, ...marks }) => marks),
    releases: releases.map(({ release }) => release),
    quarantines: [...quarantines.values()].filter(({ liftedAtMs }) => liftedAtMs === null),
    budgets: [...budgets.values()].sort((a, b) => (budgetName(a) < budgetName(b) ? -1 : 1)),
    deployments: [...deployments.values()].sort((a, b) => (placeKey(a) < placeKey(b) ? -1 : 1)),
    epochs: [...epochs.values()],
    rollouts: rollouts.map(readRollout).filter(isOpen),
  });
}

/** The latest live ticks of a host. */
function latestOf(tables: Tables, hostId: number): Pick<HostSnapshot, 'latest' | 'latestWithContainers'> {
  const live = ticksOf(tables, hostId)
    .map(({ tick }) => tick)
    .filter((tick) => tick.live);
  const withContainers = live.findLast(({ sample }) => decodeSample(sample).containers !== null);
  return { latest: live.at(-1) ?? null, latestWithContainers: withContainers ?? null };
}

/** Whether the rollout is active or paused, or has a host that is still on its way or owes a rollback. */
function isOpen({ plan, progress, hosts }: RolloutRows): boolean {
  if (progress.status === 'active' || progress.status === 'paused') return true;
  return hosts.some(({ state }) => {
    if (state === 'failed') return plan.policy.onHealthFailure === 'rollback-and-halt';
    return state === 'activating' || state === 'deferred' || state === 'soaking';
  });
}

/** Key of one stack on one host. The separator occurs in neither name. */
function placeKey({ stack, host }: { readonly stack: string; readonly host: string }): string {
  return `${stack} ${host}`;
}

function findContainer({ containers }: Tables, hostId: number, containerId: string): StoredContainer | undefined {
  for (const container of containers.values())
    if (container.hostId === hostId && container.containerId === containerId) return container;
  return undefined;
}

function readEntry({ id, atMs, kind, host, rolloutId, data }: EntryRecord): LogEvent {
  return { id, atMs, kind: parseEventKind(id, kind), host, rolloutId, data: EVENT_DATA.parse(data) };
}

function appliedDigest({ entries }: Tables, { rolloutId, host, seq }: LookupOf<'applied_event'>): string | null {
  for (const entry of entries) {
    if (entry.kind !== 'host_reported' || entry.rolloutId !== rolloutId || entry.host !== host) continue;
    const { numbered } = EVENT_DATA.parse(entry.data) as { numbered: { seq: number; bodyDigest: string } };
    if (numbered.seq === seq) return numbered.bodyDigest;
  }
  return null;
}

function rolloutOf({ rollouts }: Tables, id: string): RolloutTexts | undefined {
  return rollouts.find((rollout) => rollout.id === id);
}

function requireRollout(tables: Tables, id: string): RolloutTexts {
  const row = rolloutOf(tables, id);
  if (row === undefined) throw new Error(`rollout ${id} is stored before what belongs to it`);
  return row;
}

function readSummary({ plan, progress }: RolloutTexts): StoredRollout {
  return { plan: PLAN_ROW.parse(plan), progress: PROGRESS_ROW.parse(progress) };
}

function readRollout(row: RolloutTexts): RolloutRows {
  const stored = readSummary(row);
  const hosts = stored.plan.waves.flat().map((name) => {
    const host = row.hosts.get(name);
    if (host === undefined) throw new Error(`rollout ${row.id} has no row for '${name}'`);
    return HOST_ROW.parse(host);
  });
  return { ...stored, hosts };
}

function differences(tables: Tables, { plan, progress, hosts }: RolloutRows): string[] {
  const row = requireRollout(tables, plan.id);
  const different: string[] = PROGRESS_ROW.isRowOf(row.progress, progress) ? [] : ['rollout'];
  const left = new Map(row.hosts);
  for (const host of hosts) {
    const stored = left.get(host.name);
    if (stored === undefined || !HOST_ROW.isRowOf(stored, host)) different.push(host.name);
    left.delete(host.name);
  }
  return [...different, ...left.keys()];
}

/** Stores one write and returns a function that undoes it. Throws, and stores nothing, when the write breaks a rule. */
function apply(tables: Tables, write: Write): () => void {
  switch (write.kind) {
    case 'insert_tick':
      return insertTick(tables, write);
    case 'append_entry': {
      const { id, atMs, kind, host, rolloutId, data } = write.entry;
      const row = { id, atMs, kind, host, rolloutId, data: EVENT_DATA.encode(data), hash: write.hash };
      return append(tables, tables.entries, row, 'entry', id);
    }
    case 'save_rollout_host':
      return put(requireRollout(tables, write.rolloutId).hosts, write.host.name, HOST_ROW.encode(write.host));
    case 'save_progress': {
      const row = requireRollout(tables, write.rolloutId);
      const before = row.progress;
      row.progress = PROGRESS_ROW.encode(write.progress);
      return () => {
        row.progress = before;
      };
    }
    case 'save_epoch': {
      const { stack, host, epoch } = write;
      return put(tables.epochs, placeKey(write), { stack, host, epoch });
    }
    case 'insert_host':
      requireUnique(tables.hosts, 'name', write.host);
      return insert(tables, tables.hosts, write.host.id, write.host, 'host');
    case 'save_host':
      return replace(tables.hosts, write.host.id, () => write.host);
    case 'insert_token':
      requireUnique(tables.tokens, 'id', write.token);
      requireUnique(tables.tokens, 'digest', write.token);
      return insert(tables, tables.tokens, write.token.number, write.token, 'token');
    case 'save_token': {
      const { lastUsedAtMs, revokedAtMs } = write;
      return replace(tables.tokens, write.number, (before) => ({ ...before, lastUsedAtMs, revokedAtMs }));
    }
    case 'insert_container': {
      const { container } = write;
      if (findContainer(tables, container.hostId, container.containerId) !== undefined)
        throw new Error(`host ${container.hostId} has a container '${container.containerId}' already`);
      return insert(tables, tables.containers, container.id, container, 'container');
    }
    case 'save_container':
      return replace(tables.containers, write.container.id, () => write.container);
    case 'mark_container': {
      const { lastSeenAtMs, missingSinceMs, removedAtMs } = write;
      const marks = { lastSeenAtMs, missingSinceMs, removedAtMs };
      return replace(tables.containers, write.id, (before) => ({ ...before, ...marks }));
    }
    case 'insert_release': {
      const { number, release, manifest } = structuredClone(write);
      if (tables.releases.some((row) => row.release.digest === release.digest))
        throw new Error(`the release ${release.digest} is stored already`);
      return append(tables, tables.releases, { number, release, manifest }, 'release', number);
    }
    case 'delete_release': {
      const index = tables.releases.findIndex(({ release }) => release.digest === write.digest);
      const [removed] = index === -1 ? [] : tables.releases.splice(index, 1);
      return () => void (removed && tables.releases.splice(index, 0, removed));
    }
    case 'save_deployment':
      return put(tables.deployments, placeKey(write.deployment), write.deployment);
    case 'insert_quarantine':
      return insert(tables, tables.quarantines, write.quarantine.id, write.quarantine, 'quarantine');
    case 'lift_quarantine': {
      const lifted = { liftedAtMs: write.atMs, liftedReason: write.reason };
      return replace(tables.quarantines, write.id, (before) => ({ ...before, ...lifted }));
    }
    case 'insert_rollout': {
      const { number, plan, progress } = write;
      if (rolloutOf(tables, plan.id) !== undefined) throw new Error(`the rollout ${plan.id} is stored already`);
      const texts = { plan: PLAN_ROW.encode(plan), progress: PROGRESS_ROW.encode(progress) };
      return append(tables, tables.rollouts, { number, id: plan.id, ...texts, hosts: new Map() }, 'rollout', number);
    }
    case 'save_budget':
      return put(tables.budgets, budgetName(write.budget), write.budget);
    case 'delete_budget':
      return drop(tables.budgets, budgetName(write));
    case 'mark_chunk_damaged':
      return markDamaged(tables, write.hostId, write.tier, write.startMs);
    default:
      return assertNever(write);
  }
}

function insertTick(tables: Tables, tick: StoredTick): () => void {
  const { hostId, recordedAtMs, receivedAtMs, tokenNumber, live, sample } = tick;
  if (hasRow(tables, hostId, recordedAtMs)) throw new Error(`host ${hostId} has a tick of ${recordedAtMs} already`);
  const ticks = ticksOf(tables, hostId);
  tables.last.tick += 1;
  const copy = { hostId, recordedAtMs, receivedAtMs, tokenNumber, live, sample: Uint8Array.from(sample) };
  ticks.splice(placeOf(ticks, recordedAtMs), 0, { number: tables.last.tick, tick: copy });
  return () => void ticks.splice(placeOf(ticks, recordedAtMs), 1);
}

function noteNumber({ last }: Tables, of: Numbered, number: number): () => void {
  const before = last[of];
  last[of] = Math.max(before, number);
  return () => {
    last[of] = before;
  };
}

function append<T extends { readonly id?: unknown; readonly number?: unknown }>(
  tables: Tables,
  rows: T[],
  row: T,
  of: Numbered,
  number: number,
): () => void {
  if (number <= tables.last[of]) throw new Error(`the ${of} ${number} is not newer than the last one`);
  const undoNumber = noteNumber(tables, of, number);
  rows.push(row);
  return () => {
    rows.pop();
    undoNumber();
  };
}

function put<K, V>(rows: Map<K, V>, key: K, value: V): () => void {
  const before = rows.get(key);
  const wasThere = rows.has(key);
  rows.set(key, value);
  return () => {
    if (wasThere) rows.set(key, before as V);
    else rows.delete(key);
  };
}

function drop<K, V>(rows: Map<K, V>, key: K): () => void {
  const before = rows.get(key);
  return rows.delete(key) ? () => void rows.set(key, before as V) : () => {};
}

function insert<V>(tables: Tables, rows: Map<number, V>, key: number, row: V, of: Numbered): () => void {
  if (rows.has(key)) throw new Error(`the ${of} ${key} is stored already`);
  const undoNumber = noteNumber(tables, of, key);
  const undoRow = put(rows, key, structuredClone(row));
  return () => {
    undoRow();
    undoNumber();
  };
}

/** Does nothing when there is no such row. */
function replace<V>(rows: Map<number, V>, key: number, change: (before: V) => V): () => void {
  const before = rows.get(key);
  return before === undefined ? () => {} : put(rows, key, structuredClone(change(before)));
}

function requireUnique<V>(rows: ReadonlyMap<number, V>, field: keyof V, row: V): void {
  for (const other of rows.values())
    if (other[field] === row[field]) throw new Error(`another row has the ${String(field)} '${String(row[field])}'`);
}
