import * as z from 'zod';
import { parseInstant } from '../domain/instant.ts';
import {
  type AgentReport,
  CONTAINER_METRICS,
  type ContainerMetrics,
  type ContainerReport,
  HOST_METRICS,
  type HostMetrics,
  TELEMETRY_LIMITS,
  type Tick,
} from '../domain/telemetry.ts';
import { readPlainTick } from './plain-telemetry.ts';
import { type FieldError, MAX_FIELD_ERRORS, type Parsed, parseWith } from './problem.ts';
import { stackSchema } from './release.ts';

const instantText = z
  .string()
  .refine(
    (text) => parseInstant(text) !== undefined,
    'must be an ISO 8601 time with a zone, e.g. 2026-01-31T12:00:00Z',
  );

const count = z.int().min(0).nullish();
const gauge = z.number().min(0).nullish();
const text = (max: number) => z.string().max(max).nullish();
const requiredText = (max: number) => z.string().min(1).max(max);

const WRONG_TEXT = 'must be a string';

/**
 * A whole list or map gives one error, at its first wrong entry: a body may contain a million of them, and an error for
 * each would cost the server seconds and, where zod passes them on as arguments, its stack.
 */
const textList = z
  .custom<string[]>()
  .superRefine((value: unknown, context) => {
    if (!Array.isArray(value)) return context.addIssue({ code: 'custom', message: 'must be a list of strings' });
    const wrong = value.findIndex((entry) => typeof entry !== 'string');
    if (wrong !== -1) context.addIssue({ code: 'custom', message: WRONG_TEXT, path: [wrong] });
  })
  .meta({ type: 'array', items: { type: 'string' } });

const textMap = z
  .custom<Record<string, string>>()
  .superRefine((value: unknown, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return context.addIssue({ code: 'custom', message: 'must be a map of strings' });
    }
    const wrong = Object.entries(value).find(([, entry]) => typeof entry !== 'string');
    if (wrong !== undefined) context.addIssue({ code: 'custom', message: WRONG_TEXT, path: [wrong[0]] });
  })
  .meta({ type: 'object', additionalProperties: { type: 'string' } });

const hostMetricsSchema = z.object({
  cpu_percent: z.number().min(0).max(100).nullish(),
  load_average: gauge,
  memory_used_mb: count,
  memory_total_mb: count,
  disk_used_gb: count,
  disk_total_gb: count,
  network_rx_bytes: count,
  network_tx_bytes: count,
});

const hostFactsSchema = z.object({
  cpu_count: z.int().min(1).max(TELEMETRY_LIMITS.maxCpuCount).nullish(),
  memory_total_mb: count,
  disk_total_gb: count,
  os: text(TELEMETRY_LIMITS.maxOs),
  docker_version: text(TELEMETRY_LIMITS.maxDockerVersion),
});

const containerMetricsSchema = z.object({
  cpu_percent: gauge,
  memory_usage_mb: count,
  memory_limit_mb: count,
  network_rx_bytes: count,
  network_tx_bytes: count,
  block_read_bytes: count,
  block_write_bytes: count,
});

const containerSchema = z.object({
  container_id: requiredText(TELEMETRY_LIMITS.maxContainerId),
  name: requiredText(TELEMETRY_LIMITS.maxContainerName),
  image: requiredText(TELEMETRY_LIMITS.maxImage),
  image_tag: text(TELEMETRY_LIMITS.maxImageTag),
  status: text(TELEMETRY_LIMITS.maxStatus),
  state: text(TELEMETRY_LIMITS.maxState),
  health_status: text(TELEMETRY_LIMITS.maxHealthStatus),
  started_at: instantText.nullish(),
  finished_at: instantText.nullish(),
  ports: textList.nullish(),
  // PHP encodes an empty map as an empty array; a list with entries is still refused.
  labels: z.preprocess((value) => (Array.isArray(value) && value.length === 0 ? {} : value), textMap.nullish()),
  metrics: containerMetricsSchema.nullish(),
});

const agentText = text(TELEMETRY_LIMITS.maxAgentText);

const agentSchema = z.object({
  version: agentText,
  capabilities: z
    .array(z.string().min(1).max(TELEMETRY_LIMITS.maxAgentText))
    .max(TELEMETRY_LIMITS.maxCapabilities)
    .nullish(),
  compose_version: agentText,
  boot_id: agentText,
  /** The highest epoch that the agent has taken up, by stack. */
  epochs: z
    .record(stackSchema, z.int().min(0))
    .refine(
      (epochs) => Object.keys(epochs).length <= TELEMETRY_LIMITS.maxEpochs,
      `must have at most ${TELEMETRY_LIMITS.maxEpochs} stacks`,
    )
    .nullish(),
});

/** `POST /agent/telemetry`. Unknown fields are ignored. */
export const telemetrySchema = z.object({
  recorded_at: instantText,
  /** What the agent is and can do. */
  agent: agentSchema.nullish(),
  host: z.object({ metrics: hostMetricsSchema, facts: hostFactsSchema.nullish() }),
  containers: z.array(containerSchema).max(TELEMETRY_LIMITS.maxContainers).nullish(),
});

/** `POST /agent/telemetry/batch`. */
export const telemetryBatchSchema = z.object({
  ticks: z.array(telemetrySchema).min(1).max(TELEMETRY_LIMITS.maxBatchTicks),
});

/** The batch around its ticks, which are read one by one so that their errors stay few. */
const batchEnvelopeSchema = z.object({
  ticks: z.array(z.unknown()).min(1).max(TELEMETRY_LIMITS.maxBatchTicks),
});

export type TelemetryBody = z.input<typeof telemetrySchema>;
type ParsedTelemetry = z.output<typeof telemetrySchema>;
type ParsedContainer = NonNullable<ParsedTelemetry['containers']>[number];

function readHostMetrics(body: z.output<typeof hostMetricsSchema>): HostMetrics {
  const metrics = {} as HostMetrics;
  for (const name of HOST_METRICS) metrics[name] = body[name] ?? null;
  return metrics;
}

function readContainerMetrics(body: z.output<typeof containerMetricsSchema> | null | undefined): ContainerMetrics {
  const metrics = {} as ContainerMetrics;
  for (const name of CONTAINER_METRICS) metrics[name] = body?.[name] ?? null;
  return metrics;
}

function readContainer(body: ParsedContainer): ContainerReport {
  return {
    // The store keeps only valid Unicode: half a surrogate pair would be one id in memory and another on disk.
    containerId: body.container_id.toWellFormed(),
    identity: {
      name: body.name,
      image: body.image,
      imageTag: body.image_tag ?? null,
      status: body.status ?? null,
      state: body.state ?? null,
      healthStatus: body.health_status ?? null,
      startedAt: body.started_at ?? null,
      finishedAt: body.finished_at ?? null,
      ports: body.ports ?? [],
      labels: body.labels ?? {},
    },
    metrics: readContainerMetrics(body.metrics),
  };
}

/** A container that a tick lists twice is one container: its last report counts. */
function readContainers(bodies: readonly ParsedContainer[]): ContainerReport[] {
  const reports = new Map<string, ContainerReport>();
  for (const body of bodies) {
    const report = readContainer(body);
    reports.set(report.containerId, report);
  }
  return [...reports.values()];
}

function readAgent(body: NonNullable<ParsedTelemetry['agent']>): AgentReport {
  return {
    version: body.version ?? null,
    capabilities: body.capabilities ?? [],
    composeVersion: body.compose_version ?? null,
    bootId: body.boot_id ?? null,
    epochs: body.epochs ?? {},
  };
}

function readTick(body: ParsedTelemetry): Tick {
  const facts = body.host.facts;
  return {
    // The schema has refused what cannot be read.
    recordedAtMs: parseInstant(body.recorded_at) ?? Number.NaN,
    facts: {
      cpuCount: facts?.cpu_count ?? null,
      memoryTotalMb: facts?.memory_total_mb ?? null,
      diskTotalGb: facts?.disk_total_gb ?? null,
      os: facts?.os ?? null,
      dockerVersion: facts?.docker_version ?? null,
    },
    agent: body.agent ? readAgent(body.agent) : null,
    metrics: readHostMetrics(body.host.metrics),
    containers: body.containers ? readContainers(body.containers) : null,
  };
}

function skewError(tick: Pick<Tick, 'recordedAtMs'>, receivedAtMs: number, maxAgeMs: number): string | undefined {
  const aheadMs = tick.recordedAtMs - receivedAtMs;
  if (aheadMs > TELEMETRY_LIMITS.maxAheadMs) {
    return `is ${Math.round(aheadMs / 1000)} s ahead of the server; at most ${TELEMETRY_LIMITS.maxAheadMs / 1000} s is allowed: check the host's clock`;
  }
  if (-aheadMs > maxAgeMs) {
    return `is ${Math.round(-aheadMs / 1000)} s old; at most ${maxAgeMs / 1000} s is allowed here`;
  }
  return undefined;
}

/** Reads by the schema alone: slower than {@link readPlainTick}, and decides what that leaves open. */
export function readBySchema(input: unknown): Parsed<Tick> {
  const parsed = parseWith(telemetrySchema, input);
  return parsed.ok ? { ok: true, value: readTick(parsed.value) } : parsed;
}

function readShape(input: unknown): Parsed<Tick> {
  const tick = readPlainTick(input);
  return tick === undefined ? readBySchema(input) : { ok: true, value: tick };
}

/** Compares a tick's clock with the server's. */
export function checkClock<T extends Pick<Tick, 'recordedAtMs'>>(tick: T, receivedAtMs: number): Parsed<T> {
  const message = skewError(tick, receivedAtMs, TELEMETRY_LIMITS.maxAgeMs);
  return message === undefined ? { ok: true, value: tick } : { ok: false, errors: [{ path: 'recorded_at', message }] };
}

/** Reads one telemetry body: its shape first, then its clock against the server's. */
export function parseTelemetry(input: unknown, receivedAtMs: number): Parsed<Tick> {
  const shaped = readShape(input);
  return shaped.ok ? checkClock(shaped.value, receivedAtMs) : shaped;
}

/** Reads a batch: either every tick is valid, or none is accepted. */
export function parseTelemetryBatch(input: unknown, receivedAtMs: number): Parsed<Tick[]> {
  const envelope = parseWith(batchEnvelopeSchema, input);
  if (!envelope.ok) return envelope;
  const shaped = readTicks(envelope.value.ticks);
  if (!shaped.ok) return shaped;
  const ticks = shaped.value;
  const errors: FieldError[] = [];
  let previousMs = Number.NEGATIVE_INFINITY;
  ticks.forEach((tick, index) => {
    const skew = skewError(tick, receivedAtMs, TELEMETRY_LIMITS.maxBatchAgeMs);
    const message =
      skew ?? (tick.recordedAtMs < previousMs ? 'is older than the tick before it: send the oldest first' : undefined);
    if (message !== undefined) errors.push({ path: `ticks.${index}.recorded_at`, message });
    previousMs = tick.recordedAtMs;
  });
  return errors.length > 0 ? { ok: false, errors: errors.slice(0, MAX_FIELD_ERRORS) } : { ok: true, value: ticks };
}

function readTicks(bodies: readonly unknown[]): Parsed<Tick[]> {
  const ticks: Tick[] = [];
  const errors: FieldError[] = [];
  for (const [index, body] of bodies.entries()) {
    const result = readShape(body);
    if (result.ok) ticks.push(result.value);
    else {
      for (const { path, message } of result.errors) {
        errors.push({ path: path === '' ? `ticks.${index}` : `ticks.${index}.${path}`, message });
      }
    }
    if (errors.length >= MAX_FIELD_ERRORS) break;
  }
  return errors.length > 0 ? { ok: false, errors: errors.slice(0, MAX_FIELD_ERRORS) } : { ok: true, value: ticks };
}
