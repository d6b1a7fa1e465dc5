/**
 * Whole requests, encoded before anything is measured: for each post only the time in one of them is written anew. What
 * making a body costs would otherwise be taken from the server, with which the load generator shares the machine.
 */
import { CONTAINER_METRICS, HOST_METRICS } from '../../../src/domain/telemetry.ts';
import { FAMILIES, type Family, sampleName } from '../../../src/export/metric-families.ts';
import { type Telemetry, telemetryOf } from './telemetry-bodies.ts';

/** Bodies with different numbers that every host posts in turn. */
const VARIANTS = 4;
/** Ticks of a host are so far apart by their own clock: a host posts many thousands of them in minutes. */
const INTERVAL_MS = 100;
/**
 * The first tick is so old. Clocks of hosts that post more slowly than that fall further behind, and no tick may be
 * older than an hour; those of hosts that post more quickly run ahead.
 */
const OLDEST_MS = 1_200_000;

/** When the ticks of a run were recorded, as their senders say. */
export class TickTimes {
  readonly #beginMs = Math.floor(Date.now() / 1000) * 1000 - OLDEST_MS;
  readonly #instants: string[] = [];
  readonly #stamps: Buffer[] = [];

  atMs(tick: number): number {
    return this.#beginMs + tick * INTERVAL_MS;
  }

  tickAt(recordedAtMs: number): number {
    return (recordedAtMs - this.#beginMs) / INTERVAL_MS;
  }

  /** As JSON bodies hold it. */
  instant(tick: number): string {
    this.#instants[tick] ??= new Date(this.atMs(tick)).toISOString();
    return this.#instants[tick];
  }

  /** As the Prometheus text holds it: milliseconds, in digits. */
  stamp(tick: number): Buffer {
    this.#stamps[tick] ??= Buffer.from(String(this.atMs(tick)), 'latin1');
    return this.#stamps[tick];
  }
}

/** What a subject of the benchmark is sent. */
export interface Posts {
  /** The request of a host's next tick. Its bytes are the same ones again {@link VARIANTS} ticks later. */
  at(host: number, tick: number): Buffer;
}

function requestOf(path: string, headers: string, body: string): Buffer {
  const length = `content-length: ${body.length}\r\n`;
  return Buffer.from(`POST ${path} HTTP/1.1\r\nhost: bench\r\n${headers}${length}\r\n${body}`, 'latin1');
}

const TIME_BEGIN = '{"recorded_at":"';

/** `POST /agent/telemetry` of one host, with the time of `tick`. */
export function telemetryRequest(token: string, telemetry: Telemetry, instant: string): Buffer {
  const body = `${TIME_BEGIN}${instant}",${JSON.stringify(telemetry).slice(1)}`;
  return requestOf('/agent/telemetry', `authorization: Bearer ${token}\r\ncontent-type: application/json\r\n`, body);
}

/** Those of `host` begin at `host` times {@link VARIANTS}. */
function buildAll(hostCount: number, build: (host: number, variant: number) => Buffer): Buffer[] {
  return Array.from({ length: hostCount * VARIANTS }, (_, index) =>
    build(Math.floor(index / VARIANTS), index % VARIANTS),
  );
}

export class TelemetryPosts implements Posts {
  readonly #times: TickTimes;
  readonly #requests: readonly Buffer[];
  readonly #timeAt: readonly number[];

  constructor(times: TickTimes, tokens: readonly string[], containerCount: number) {
    this.#times = times;
    this.#requests = buildAll(tokens.length, (host, variant) =>
      telemetryRequest(tokens[host] ?? '', telemetryOf(host, variant, containerCount), times.instant(0)),
    );
    this.#timeAt = this.#requests.map((request) => request.indexOf(TIME_BEGIN) + TIME_BEGIN.length);
  }

  at(host: number, tick: number): Buffer {
    const index = host * VARIANTS + (tick % VARIANTS);
    const request = this.#requests[index];
    if (request === undefined) throw new Error(`there is no host ${host}`);
    request.write(this.#times.instant(tick), this.#timeAt[index] ?? 0, 'latin1');
    return request;
  }
}

function familyOf(subject: Family['subject'], metric: string): Family {
  const family = FAMILIES.find((one) => one.subject === subject && one.metric === metric);
  if (family === undefined) throw new Error(`there is no ${metric} of a ${subject}`);
  return family;
}

const HOST_FAMILIES = HOST_METRICS.map((metric) => familyOf('host', metric));
const CONTAINER_FAMILIES = CONTAINER_METRICS.map((metric) => familyOf('container', metric));

/** The numbers of a JSON body, unscaled, one a line, named as Nexus exports them. */
function linesOf(host: number, { host: { metrics }, containers }: Telemetry, stamp: string): string {
  const lines = HOST_FAMILIES.map(
    (family) => `${sampleName(family)}{host="host-${host}"} ${metrics[family.metric]} ${stamp}\n`,
  );
  for (const container of containers) {
    const labels = `{host="host-${host}",container="${container.name}"}`;
    for (const family of CONTAINER_FAMILIES)
      lines.push(`${sampleName(family)}${labels} ${container.metrics[family.metric]} ${stamp}\n`);
  }
  return lines.join('');
}

/** The same ticks as {@link TelemetryPosts}, in the text that Prometheus and its kin take. */
export class PrometheusPosts implements Posts {
  readonly #times: TickTimes;
  readonly #requests: readonly Buffer[];
  readonly #stampsAt: readonly Uint32Array[];

  constructor(times: TickTimes, hostCount: number, containerCount: number) {
    this.#times = times;
    const stamp = times.stamp(0).toString('latin1');
    this.#requests = buildAll(hostCount, (host, variant) => {
      const text = linesOf(host, telemetryOf(host, variant, containerCount), stamp);
      return requestOf('/api/v1/import/prometheus', 'content-type: text/plain\r\n', text);
    });
    this.#stampsAt = this.#requests.map((request) => {
      const places: number[] = [];
      const wanted = ` ${stamp}\n`;
      for (let at = request.indexOf(wanted); at !== -1; at = request.indexOf(wanted, at + 1)) places.push(at + 1);
      return Uint32Array.from(places);
    });
  }

  at(host: number, tick: number): Buffer {
    const index = host * VARIANTS + (tick % VARIANTS);
    const [request, places] = [this.#requests[index], this.#stampsAt[index]];
    if (request === undefined || places === undefined) throw new Error(`there is no host ${host}`);
    const stamp = this.#times.stamp(tick);
    for (const place of places)
      for (let digit = 0; digit < stamp.length; digit += 1) request[place + digit] = stamp[digit] ?? 0;
    return request;
  }
}
