/** Reads of the fleet and its history. */

import type { Container } from '../../domain/container.ts';
import { NexusError } from '../../domain/errors.ts';
import type { LogEvent } from '../../domain/event-log.ts';
import type { CompactionFigures, QueueFigures } from '../../domain/figures.ts';
import type { History, HistoryRequest } from '../../domain/history-query.ts';
import type { Host } from '../../domain/host.ts';
import type { FleetQueries, Read } from '../../domain/ports.ts';
import type { StoredTick } from '../../domain/records.ts';
import type { PageRequest, Store, StoreSize } from '../../domain/store.ts';
import {
  CONTAINER_METRICS,
  type ContainerMetrics,
  type ContainerMetrics as ContainerNumbers,
  HOST_METRICS,
  type HostMetrics,
} from '../../domain/telemetry.ts';
import type { Token } from '../../domain/token.ts';
import { HOST_SERIES } from '../../history/tick-block.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { decodeContainerMetrics, decodeHostMetrics, decodeSample } from '../../telemetry/sample-codec.ts';
import { findHost } from '../commands/find-host.ts';
import { describeToken } from '../commands/tokens.ts';
import type { HistoryMaintenance } from '../history/history-maintenance.ts';
import { readHistory } from '../history/read-history.ts';
import { type Fleet, type LiveHost, lastSeenAtMs, summarize } from '../state/fleet.ts';
import type { Writer } from '../writer.ts';

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Answers from memory and the store; every answer leaves only after what was read is committed. */
export class CommittedFleetQueries implements FleetQueries {
  readonly #writer: Writer;
  readonly #maintenance: HistoryMaintenance;

  constructor(writer: Writer, maintenance: HistoryMaintenance) {
    this.#writer = writer;
    this.#maintenance = maintenance;
  }

  hasSoak(hostId: number): boolean {
    const { fleet, index } = this.#writer.attached().state;
    const { name } = fleet.hostByNumber(hostId).stored;
    return index.rolloutsOfHost(name).some((rollout) => rollout.host(name)?.state === 'soaking');
  }

  hosts(page: PageRequest<string>): Read<Host[]> {
    return this.#writer.read(({ state }) =>
      [...state.fleet.hosts()]
        .filter((host) => page.after === null || host.stored.name > page.after)
        .sort((a, b) => compareText(a.stored.name, b.stored.name))
        .slice(0, page.limit)
        .map(summarize),
    );
  }

  host(name: string): Read<Host> {
    return this.#writer.read(({ state }) => summarize(findHost(state.fleet, name)));
  }

  tokensOfHost(name: string, page: PageRequest<string>): Read<Token[]> {
    return this.#writer.read(({ state }) => tokensOf(state.fleet, findHost(state.fleet, name).stored.id, page));
  }

  adminTokens(page: PageRequest<string>): Read<Token[]> {
    return this.#writer.read(({ state }) => tokensOf(state.fleet, null, page));
  }

  containers(name: string, page: PageRequest<number>): Read<Array<Container & { readonly number: number }>> {
    return this.#writer.read(({ state, store }) => {
      const host = findHost(state.fleet, name);
      const latest = latestMetrics(host);
      return store.containers.page(host.stored.id, page).map((stored) => {
        const known = host.containers.get(stored.containerId);
        return {
          number: stored.id,
          containerId: stored.containerId,
          identity: stored.identity,
          metrics: latest.get(stored.id) ?? null,
          lastSeenAtMs: (known && lastSeenAtMs(host, known)) ?? stored.lastSeenAtMs,
          removedAtMs: stored.removedAtMs,
        };
      });
    });
  }

  hostHistory(name: string, request: HistoryRequest): Read<History<HostMetrics>> {
    return this.#writer.read(({ state, store }) => {
      const wanted = {
        hostId: findHost(state.fleet, name).stored.id,
        seriesId: HOST_SERIES,
        names: HOST_METRICS,
        read: (tick: StoredTick) => decodeHostMetrics(tick.sample),
      };
      return readHistory(store.history, this.#maintenance.damage, wanted, request);
    });
  }

  containerHistory(name: string, containerId: string, request: HistoryRequest): Read<History<ContainerMetrics>> {
    return this.#writer.read(({ state, store }) => {
      const host = findHost(state.fleet, name);
      const id = containerNumber(store, host, containerId);
      const wanted = {
        hostId: host.stored.id,
        seriesId: id,
        names: CONTAINER_METRICS,
        read: (tick: StoredTick) => decodeContainerMetrics(tick.sample, id),
      };
      return readHistory(store.history, this.#maintenance.damage, wanted, request);
    });
  }

  events(after: number, limit: number, of: { host?: string | null; rolloutId?: string | null }): Read<LogEvent[]> {
    return this.#writer.read(({ store }) => store.events.page(after, limit, of));
  }

  queue(): QueueFigures {
    return this.#writer.queue();
  }

  stalledRollouts(): number {
    const { index } = this.#writer.attached().state;
    return [...index.rollouts()].filter((rollout) => hasLostHost(rollout)).length;
  }

  compaction(): CompactionFigures {
    return this.#maintenance.figures;
  }

  storeSize(): StoreSize {
    return this.#writer.attached().store.size();
  }
}

function hasLostHost(rollout: Rollout): boolean {
  for (const name of rollout.inFlight) if ((rollout.host(name)?.lost ?? null) !== null) return true;
  return false;
}

function tokensOf(fleet: Fleet, hostId: number | null, { after, limit }: PageRequest<string>): Token[] {
  const last = after === null ? undefined : fleet.tokenById(after);
  if (after !== null && last?.hostId !== hostId) {
    throw new NexusError('invalid', 'cursor must be the next_cursor of the page before');
  }
  return [...fleet.tokens()]
    .filter((token) => token.hostId === hostId && token.number > (last?.number ?? 0))
    .sort((a, b) => a.number - b.number)
    .slice(0, limit)
    .map(describeToken);
}

/** Throws `not_found`. */
function containerNumber(store: Store, host: LiveHost, containerId: string): number {
  const id = host.containers.get(containerId)?.id ?? store.containers.find(host.stored.id, containerId)?.id;
  if (id !== undefined) return id;
  const { name } = host.stored;
  throw new NexusError('not_found', `host '${name}' has never reported a container '${containerId}'`);
}

/** The latest metrics of each container, by its number. */
function latestMetrics(host: LiveHost): Map<number, ContainerNumbers> {
  const tick = host.latestWithContainers;
  const containers = tick === null ? null : decodeSample(tick.sample).containers;
  return new Map((containers ?? []).map((container) => [container.id, container.metrics]));
}
