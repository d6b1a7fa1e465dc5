/** Reads of the committed fleet and its history. */
import type { Container } from '../../domain/container.ts';
import { NexusError } from '../../domain/errors.ts';
import type { LogEvent } from '../../domain/event-log.ts';
import type { CompactionFigures, QueueFigures } from '../../domain/figures.ts';
import type { History, HistoryRequest } from '../../domain/history-query.ts';
import type { Host } from '../../domain/host.ts';
import type { Queries } from '../../domain/ports.ts';
import type { PageRequest, StoredTick, StoreSize } from '../../domain/store.ts';
import {
  CONTAINER_METRICS,
  type ContainerMetrics,
  type ContainerMetrics as ContainerNumbers,
  HOST_METRICS,
  type HostMetrics,
} from '../../domain/telemetry.ts';
import type { Token } from '../../domain/token.ts';
import { HOST_SERIES } from '../../history/tick-block.ts';
import { decodeContainerMetrics, decodeHostMetrics, decodeSample } from '../../telemetry/sample-codec.ts';
import { findHost } from '../commands/find-host.ts';
import { describeToken } from '../commands/tokens.ts';
import { readHistory } from '../history/read-history.ts';
import { type LiveHost, lastSeenAtMs, summarize } from '../state/fleet.ts';
import type { Writer } from '../writer.ts';

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export class FleetReader implements Queries {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  hosts(page: PageRequest<string>): Host[] {
    const { fleet } = this.#writer.committed();
    return [...fleet.hosts()]
      .filter((host) => page.after === null || host.stored.name > page.after)
      .sort((a, b) => compareText(a.stored.name, b.stored.name))
      .slice(0, page.limit)
      .map(summarize);
  }

  host(name: string): Host {
    return summarize(this.#find(name));
  }

  #find(name: string): LiveHost {
    return findHost(this.#writer.committed().fleet, name);
  }

  tokensOfHost(name: string, page: PageRequest<string>): Token[] {
    return this.#tokens(this.#find(name).stored.id, page);
  }

  adminTokens(page: PageRequest<string>): Token[] {
    return this.#tokens(null, page);
  }

  #tokens(hostId: number | null, { after, limit }: PageRequest<string>): Token[] {
    const { fleet } = this.#writer.committed();
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

  containers(name: string, page: PageRequest<number>): Array<Container & { readonly number: number }> {
    const { store } = this.#writer.committed();
    const host = this.#find(name);
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
  }

  hostHistory(name: string, request: HistoryRequest): History<HostMetrics> {
    const { store } = this.#writer.committed();
    const wanted = {
      hostId: this.#find(name).stored.id,
      seriesId: HOST_SERIES,
      names: HOST_METRICS,
      read: (tick: StoredTick) => decodeHostMetrics(tick.sample),
    };
    return readHistory(store, this.#writer.history.damage, wanted, request);
  }

  containerHistory(name: string, containerId: string, request: HistoryRequest): History<ContainerMetrics> {
    const { store } = this.#writer.committed();
    const host = this.#find(name);
    const known = host.containers.get(containerId)?.id;
    const id = known ?? store.containers.find(host.stored.id, containerId)?.id;
    if (id === undefined) {
      throw new NexusError('not_found', `host '${name}' has never reported a container '${containerId}'`);
    }
    const wanted = {
      hostId: host.stored.id,
      seriesId: id,
      names: CONTAINER_METRICS,
      read: (tick: StoredTick) => decodeContainerMetrics(tick.sample, id),
    };
    return readHistory(store, this.#writer.history.damage, wanted, request);
  }

  events(after: number, limit: number, of: { host?: string | null; rolloutId?: string | null }): LogEvent[] {
    return this.#writer.committed().store.events.page(after, limit, of);
  }

  queue(): QueueFigures {
    return this.#writer.queue();
  }

  compaction(): CompactionFigures {
    return this.#writer.history.figures;
  }

  storeSize(): StoreSize {
    return this.#writer.committed().store.size();
  }
}

/** The latest numbers of each container, by the store's number. */
function latestMetrics(host: LiveHost): Map<number, ContainerNumbers> {
  const tick = host.latestWithContainers;
  const containers = tick === null ? null : decodeSample(tick.sample).containers;
  return new Map((containers ?? []).map((container) => [container.id, container.metrics]));
}
