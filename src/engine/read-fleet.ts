/** Reads of the committed fleet and its history. */
import type { Container } from '../domain/container.ts';
import { NexusError } from '../domain/errors.ts';
import type { LogEvent } from '../domain/event-log.ts';
import type { Host } from '../domain/host.ts';
import type { HistoryPoint, HistoryRequest, Queries, QueueFigures } from '../domain/ports.ts';
import type { PageRequest, StoredTick } from '../domain/store.ts';
import {
  CONTAINER_METRICS,
  type ContainerMetrics,
  type ContainerMetrics as ContainerNumbers,
  HOST_METRICS,
  type HostMetrics,
} from '../domain/telemetry.ts';
import type { Token } from '../domain/token.ts';
import { downsample, type Point } from '../telemetry/downsample.ts';
import { decodeContainerMetrics, decodeHostMetrics, decodeSample } from '../telemetry/sample-codec.ts';
import type { Engine } from './engine.ts';
import { findHost } from './find-host.ts';
import { type LiveHost, summarize } from './fleet.ts';
import { describeToken } from './manage-tokens.ts';

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export class FleetReader implements Queries {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  hosts(page: PageRequest<string>): Host[] {
    const { fleet } = this.#engine.committed();
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
    return findHost(this.#engine.committed().fleet, name);
  }

  tokensOfHost(name: string): Token[] {
    return this.#tokens(this.#find(name).stored.id);
  }

  adminTokens(): Token[] {
    return this.#tokens(null);
  }

  #tokens(hostId: number | null): Token[] {
    return [...this.#engine.committed().fleet.tokens()]
      .filter((token) => token.hostId === hostId)
      .sort((a, b) => a.number - b.number)
      .map(describeToken);
  }

  containers(name: string, page: PageRequest<number>): Array<Container & { readonly number: number }> {
    const { store } = this.#engine.committed();
    const host = this.#find(name);
    const latest = latestMetrics(host);
    return store.containers.page(host.stored.id, page).map((stored) => ({
      number: stored.id,
      containerId: stored.containerId,
      identity: stored.identity,
      metrics: latest.get(stored.id) ?? null,
      lastSeenAtMs: host.containers.get(stored.containerId)?.lastSeenAtMs ?? stored.lastSeenAtMs,
      removedAtMs: stored.removedAtMs,
    }));
  }

  hostHistory(name: string, request: HistoryRequest): Array<HistoryPoint<HostMetrics>> {
    const ticks = this.#ticks(this.#find(name), request);
    return collect(readHostPoints(ticks), HOST_METRICS, request);
  }

  containerHistory(name: string, containerId: string, request: HistoryRequest): Array<HistoryPoint<ContainerMetrics>> {
    const host = this.#find(name);
    const known = host.containers.get(containerId)?.id;
    const id = known ?? this.#engine.committed().store.containers.find(host.stored.id, containerId)?.id;
    if (id === undefined) {
      throw new NexusError('not_found', `host «${name}» has never reported a container «${containerId}»`);
    }
    return collect(readContainerPoints(this.#ticks(host, request), id), CONTAINER_METRICS, request);
  }

  #ticks(host: LiveHost, request: HistoryRequest): Iterable<StoredTick> {
    return this.#engine.committed().store.ticks.range(host.stored.id, request.fromMs, request.toMs);
  }

  events(after: number, limit: number, of: { host?: string | null; rolloutId?: string | null }): LogEvent[] {
    return this.#engine.committed().store.events.page(after, limit, of);
  }

  queue(): QueueFigures {
    return this.#engine.queue();
  }
}

/** The latest numbers of each container, by the store's number. */
function latestMetrics(host: LiveHost): Map<number, ContainerNumbers> {
  const tick = host.latestWithContainers;
  const containers = tick === null ? null : decodeSample(tick.sample).containers;
  return new Map((containers ?? []).map((container) => [container.id, container.metrics]));
}

function* readHostPoints(ticks: Iterable<StoredTick>): Generator<Point<keyof HostMetrics>> {
  for (const tick of ticks) yield { recordedAtMs: tick.recordedAtMs, metrics: decodeHostMetrics(tick.sample) };
}

function* readContainerPoints(ticks: Iterable<StoredTick>, id: number): Generator<Point<keyof ContainerMetrics>> {
  for (const tick of ticks) {
    const metrics = decodeContainerMetrics(tick.sample, id);
    if (metrics !== undefined) yield { recordedAtMs: tick.recordedAtMs, metrics };
  }
}

function collect<N extends string>(
  raw: Iterable<Point<N>>,
  names: readonly N[],
  request: HistoryRequest,
): Array<HistoryPoint<Record<N, number | null>>> {
  const points: Array<HistoryPoint<Record<N, number | null>>> = [];
  for (const point of request.stepMs === null ? raw : downsample(raw, names, request.stepMs)) {
    if (points.length >= request.maxPoints) {
      throw new NexusError(
        'invalid',
        `that span holds more than ${request.maxPoints} points: shorten it with from and to, or ask with a larger step_seconds`,
      );
    }
    points.push(point);
  }
  return points;
}
