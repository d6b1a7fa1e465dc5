import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import type { EngineFollower } from '../docker/engine-follower.ts';
import { readContainerStats } from '../docker/engine-reader.ts';
import type { SelfReport } from '../self-report.ts';
import { composeTick, rememberIdentities, slimIdentity, type TickContent } from './compose-tick.ts';
import type { EncodedTick } from './outbox/outbox-tick.ts';
import type { ContainerSampler, ReadStats } from './sampling/container-sampler.ts';
import type { HostSampler } from './sampling/host-sampler.ts';
import { MAX_TICK_JSON_BYTES } from './telemetry-limits.ts';
import type { TickClock } from './tick-clock.ts';
import type { TickSource } from './tick-source.ts';

/** A tick waits at most this long for the engine, or for anything else that hangs. */
const TICK_LIMIT_MS = 5_000;

export interface CollectorParts {
  readonly host: HostSampler;
  readonly engine: EngineFollower;
  readonly containers: ContainerSampler;
  /** Null: ticks say nothing of the agent itself. */
  readonly self: SelfReport | null;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** Takes ticks: waits for pending engine events, reads every counter, and writes the body. */
export class Collector implements TickSource {
  readonly #parts: CollectorParts;
  readonly #identity = rememberIdentities();
  #hasLoggedAsking = false;
  #hasLoggedSlim = false;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#parts.engine.run(signal);
  }

  async prime(): Promise<void> {
    const { host, engine, containers, self } = this.#parts;
    host.prime();
    await this.#withinLimit(async (late) => {
      await Promise.all([engine.settle(TICK_LIMIT_MS), Promise.race([self?.complete, late])]);
      const readStats = this.#statsReader();
      if (readStats !== null) await containers.prime(readStats, late);
    });
  }

  collect(clock: TickClock): Promise<EncodedTick> {
    return this.#withinLimit((late) => this.#collect(clock, late));
  }

  async #collect(clock: TickClock, late: Promise<unknown>): Promise<EncodedTick> {
    const { host, engine, containers, self, runtime } = this.#parts;
    const startedAtMs = runtime.monotonicMs();
    await engine.settle(TICK_LIMIT_MS);
    const recordedAtMs = clock.takeMs();
    const left = Math.max(0, TICK_LIMIT_MS - (runtime.monotonicMs() - startedAtMs));
    const hostSample = await host.sample(left);
    const views = engine.containers;
    const samples = await containers.sample(views ?? [], this.#statsReader(), late, hostSample.memoryBytes);
    for (const id of samples.lost) engine.markStale(id);
    this.#logAsking(samples.asked);
    return this.#encode({
      recordedAtMs,
      agent: self?.current() ?? null,
      metrics: hostSample.metrics,
      facts: { ...hostSample.facts, dockerVersion: engine.engineVersion },
      containers: views,
      containerMetrics: samples.metrics,
    });
  }

  #encode(content: TickContent): EncodedTick {
    const whole = Buffer.from(composeTick(content, this.#identity));
    if (whole.length <= MAX_TICK_JSON_BYTES) return { recordedAtMs: content.recordedAtMs, json: whole };
    if (!this.#hasLoggedSlim) {
      this.#hasLoggedSlim = true;
      this.#parts.log.warn(
        { bytes: whole.length, limit: MAX_TICK_JSON_BYTES },
        'the containers have more labels than fit into a tick: only those that name Compose project and service are reported',
      );
    }
    return { recordedAtMs: content.recordedAtMs, json: Buffer.from(composeTick(content, slimIdentity)) };
  }

  #statsReader(): ReadStats | null {
    const { connection } = this.#parts.engine;
    return connection === null ? null : (view) => readContainerStats(connection, view);
  }

  #logAsking(asked: number): void {
    if (asked === 0 || this.#hasLoggedAsking) return;
    this.#hasLoggedAsking = true;
    this.#parts.log.info(
      { containers: asked },
      'the cgroups of these containers cannot be seen from here: their figures are read from the engine instead, at a higher cost (see NEXUS_AGENT_HOST_ROOT)',
    );
  }

  async #withinLimit<T>(work: (late: Promise<void>) => Promise<T>): Promise<T> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const limit = this.#parts.runtime.setTimer(TICK_LIMIT_MS, resolve);
    try {
      return await work(late);
    } finally {
      limit.cancel();
    }
  }
}
