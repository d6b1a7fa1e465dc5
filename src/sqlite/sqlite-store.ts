/** The store on one SQLite connection. Each commit is one transaction. */
import { assertNever, invariant } from '../domain/errors.ts';
import type { Lookup, LookupOf, LookupResult, StackUsage } from '../domain/lookups.ts';
import type { RolloutRows } from '../domain/records.ts';
import type { HostSnapshot, LastNumbers, Snapshot, Store } from '../domain/store.ts';
import type { Write } from '../domain/writes.ts';
import { sumStack } from '../telemetry/stack-usage.ts';
import { createBudgetTable } from './budget-table.ts';
import { createChunkTable } from './chunk-table.ts';
import type { Connection } from './connection.ts';
import { createContainerTable } from './container-table.ts';
import { createDeploymentTable } from './deployment-table.ts';
import { createEventTable } from './event-table.ts';
import { createForwardingTable } from './forwarding-table.ts';
import { measureSize } from './free-space.ts';
import { createHistoryStore } from './history-tables.ts';
import { createHostTable } from './host-table.ts';
import { createQuarantineTable } from './quarantine-table.ts';
import { createReleaseTable } from './release-table.ts';
import { createRolloutTable } from './rollout-table.ts';
import { createTickTable } from './tick-table.ts';
import { createTokenTable } from './token-table.ts';

/** `connection` must have the newest schema. It is closed with the store. */
export function createSqliteStore(connection: Connection): Store {
  const hosts = createHostTable(connection);
  const tokens = createTokenTable(connection);
  const containers = createContainerTable(connection);
  const chunks = createChunkTable(connection);
  const ticks = createTickTable(connection, chunks);
  const events = createEventTable(connection);
  const releases = createReleaseTable(connection);
  const quarantines = createQuarantineTable(connection);
  const budgets = createBudgetTable(connection);
  const rollouts = createRolloutTable(connection);
  const deployments = createDeploymentTable(connection);
  const selectNumbers = connection.prepare<LastNumbers>(
    `SELECT coalesce((SELECT max(id) FROM hosts), 0) AS host,
       coalesce((SELECT max(number) FROM tokens), 0) AS token,
       coalesce((SELECT max(id) FROM containers), 0) AS container,
       coalesce((SELECT max(number) FROM releases), 0) AS release,
       coalesce((SELECT max(id) FROM quarantines), 0) AS quarantine,
       coalesce((SELECT max(number) FROM rollouts), 0) AS rollout,
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS entry`,
  );

  function* loadHosts(): Generator<HostSnapshot> {
    for (const host of hosts.all()) yield { host, newestMs: ticks.newestMs(host.id), ...ticks.latest(host.id) };
  }

  function* loadOpenRollouts(): Generator<RolloutRows> {
    for (const id of rollouts.open()) {
      const rollout = rollouts.find(id);
      invariant(rollout !== undefined, `the open rollout ${id} is stored`);
      yield rollout;
    }
  }

  function load(): Snapshot {
    const numbers = selectNumbers.get();
    invariant(numbers !== undefined, 'every database has its numbers');
    return {
      numbers,
      logHead: events.head(),
      hosts: loadHosts(),
      tokens: tokens.all(),
      containers: containers.allPresent(),
      releases: releases.all(),
      quarantines: quarantines.active(),
      budgets: budgets.all(),
      deployments: deployments.all(),
      epochs: rollouts.epochs(),
      rollouts: loadOpenRollouts(),
    };
  }

  function lookUpOne(lookup: Lookup): LookupResult {
    switch (lookup.kind) {
      case 'tick':
        return ticks.has(lookup.hostId, lookup.recordedAtMs);
      case 'container':
        return containers.find(lookup.hostId, lookup.containerId) ?? null;
      case 'applied_event':
        return events.appliedDigest(lookup.rolloutId, lookup.host, lookup.seq);
      case 'rollout_host':
        return rollouts.findHost(lookup.rolloutId, lookup.host) ?? null;
      case 'rollout':
        return rollouts.find(lookup.rolloutId) ?? null;
      case 'stack_usage':
        return readUsage(lookup);
      default:
        return assertNever(lookup);
    }
  }

  function readUsage({ hostId, stack, fromMs, toMs }: LookupOf<'stack_usage'>): StackUsage {
    const numbers = containers.numbersOfStack(hostId, stack);
    const ofStack = new Set(numbers);
    const samples = Array.from(ticks.range(hostId, fromMs, toMs), (tick) => sumStack(tick, ofStack));
    return { containers: numbers, samples: samples.filter((sample) => sample !== null) };
  }

  function store(write: Write): void {
    switch (write.kind) {
      case 'insert_tick':
        return invariant(ticks.insert(write), 'a tick must be new to the store');
      case 'append_entry':
        return events.append(write.entry, write.hash);
      case 'save_rollout_host':
        return rollouts.saveHost(write.rolloutId, write.host);
      case 'save_progress':
        return rollouts.saveProgress(write.rolloutId, write.progress);
      case 'save_epoch':
        return rollouts.saveEpoch(write.stack, write.host, write.epoch);
      case 'save_container':
        return containers.save(write.container);
      case 'mark_container':
        return containers.mark(write);
      case 'insert_container':
        return containers.insert(write.container);
      case 'save_host':
        return hosts.save(write.host);
      case 'insert_host':
        return hosts.insert(write.host);
      case 'save_token':
        return tokens.save(write);
      case 'insert_token':
        return tokens.insert(write.token);
      case 'insert_release':
        return releases.insert(write.number, write.release, write.manifest);
      case 'delete_release':
        return releases.remove(write.digest);
      case 'save_deployment':
        return deployments.save(write.deployment);
      case 'insert_quarantine':
        return quarantines.insert(write.quarantine);
      case 'lift_quarantine':
        return quarantines.lift(write.id, write.atMs, write.reason);
      case 'save_budget':
        return budgets.save(write.budget);
      case 'delete_budget':
        return budgets.remove(write.label, write.value);
      case 'insert_rollout':
        return rollouts.insert(write.number, write.plan, write.progress);
      case 'mark_chunk_damaged':
        return chunks.markDamaged(write.hostId, write.tier, write.startMs);
      default:
        return assertNever(write);
    }
  }

  return {
    load,
    lookUp: (lookups) => lookups.map(lookUpOne),
    commit: (writes) =>
      connection.transact(() => {
        for (const write of writes) store(write);
      }),
    hosts: () => hosts.all(),
    containers,
    events,
    releases,
    rollouts,
    history: createHistoryStore(connection, ticks, chunks),
    forwarding: createForwardingTable(connection),
    size: () => measureSize(connection),
    close: () => connection.close(),
  };
}
