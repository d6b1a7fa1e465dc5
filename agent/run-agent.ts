import { NexusError } from '../src/domain/errors.ts';
import type { Log } from '../src/domain/log.ts';
import type { Runtime } from '../src/domain/runtime.ts';
import { TELEMETRY_LIMITS } from '../src/domain/telemetry.ts';
import { delay } from '../src/runtime/wait.ts';
import { readBootId } from './async/boot-id.ts';
import { lockStateDir } from './disk/lock-state-dir.ts';
import { nodeFileSystem } from './disk/node-file-system.ts';
import { DockerClient } from './docker/docker-client.ts';
import { EngineFollower } from './docker/engine-follower.ts';
import { SmallFileReader } from './kernel/small-file-reader.ts';
import type { Rollouts } from './rollouts/start-rollouts.ts';
import { HttpClient } from './server/http-client.ts';
import type { Verdict } from './server/judge-answer.ts';
import type { ServerTransport } from './server/transport.ts';
import type { AgentSettings, RunSettings } from './settings.ts';
import { currentCommand, renderSystemdUnit } from './systemd-unit.ts';
import { Collector } from './telemetry/collector.ts';
import { DEFAULT_PACING, Delivery, type DeliveryPacing } from './telemetry/delivery.ts';
import { type OpenedOutbox, openMemoryOutbox, openOutbox } from './telemetry/outbox/open-outbox.ts';
import { tickOffsetMs, untilNextTickMs } from './telemetry/plan-ticks.ts';
import { ContainerFileReader } from './telemetry/sampling/container-files.ts';
import { ContainerSampler } from './telemetry/sampling/container-sampler.ts';
import { HostSampler, hostPathsBelow } from './telemetry/sampling/host-sampler.ts';

export interface AgentPorts {
  readonly log: Log;
  readonly runtime: Runtime;
  /** Aborts on SIGTERM or SIGINT: the agent keeps what it has not delivered, and stops. */
  readonly signal: AbortSignal;
  readonly stdout: { write(text: string): unknown };
  /** Waits and retries; the defaults are right but in tests. */
  readonly pacing?: DeliveryPacing;
}

/** What the process ends with. */
export const AGENT_EXIT = { done: 0, undelivered: 1, unauthorized: 3 } as const;

/** The first tick's CPU figures are measured over this long. */
const FIRST_INTERVAL_MS = 1_000;
const RESYNC_MS = 600_000;
const ENGINE_BACKOFF_MS = 500;
/** A timer may fire this much before the clock agrees. */
const EARLY_TIMER_MS = 20;

/**
 * Runs the agent until `signal` aborts (0), the server refuses the token (3) or, with `once`, one tick is delivered (0)
 * or not (1). Throws `conflict` when another agent uses the state directory.
 */
export async function runAgent(settings: AgentSettings, ports: AgentPorts): Promise<number> {
  if (settings.action === 'print-systemd-unit') {
    ports.stdout.write(renderSystemdUnit(currentCommand(process.execPath, process.argv[1])));
    return AGENT_EXIT.done;
  }
  return runWith(settings, ports);
}

async function runWith(settings: RunSettings, ports: AgentPorts): Promise<number> {
  const { log, runtime, signal } = ports;
  warnOfPlainHttp(settings.url, log);
  const { outbox, close: closeOutbox } = await openOutboxFor(settings, log, runtime);
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const server = await HttpClient.open(settings.url, settings.token, runtime);
  const delivery = new Delivery({
    server,
    outbox,
    runtime,
    log,
    pacing: ports.pacing ?? DEFAULT_PACING,
  });
  const { collector, engine } = assemble(settings, ports);
  const following = engine.run(stop);
  let isRefused = false;
  const refuse = (end: 'stopped' | 'unauthorized'): void => {
    if (end !== 'unauthorized') return;
    isRefused = true;
    over.abort();
  };
  let rollouts: Rollouts | null = null;
  try {
    if (settings.action === 'once') return await runOnce(collector, delivery, ports);
    if (settings.rollouts) rollouts = await openRollouts(settings, ports, server);
    void rollouts?.ended.then(refuse);
    const delivering = delivery.run(stop).then(refuse);
    await Promise.all([tickForEver(collector, delivery, settings, runtime, stop), delivering]);
    return isRefused ? explainUnauthorized(log) : AGENT_EXIT.done;
  } finally {
    over.abort();
    await rollouts?.stop();
    await following;
    server.close();
    await closeOutbox();
  }
}

/** A single tick beside an agent that runs is fine: it only does without the outbox, which is the other's. */
async function openOutboxFor({ action, stateDir }: RunSettings, log: Log, runtime: Runtime): Promise<OpenedOutbox> {
  try {
    return await openOutbox(stateDir, { files: nodeFileSystem, lock: lockStateDir, log, runtime });
  } catch (error) {
    if (action === 'once' && error instanceof NexusError && error.code === 'conflict') return openMemoryOutbox();
    throw error;
  }
}

/** Loaded only where it is wanted: with its schemas it costs more memory than all of telemetry. */
async function openRollouts(
  settings: RunSettings,
  { log, runtime }: AgentPorts,
  server: ServerTransport,
): Promise<Rollouts> {
  const { startRollouts } = await import('./rollouts/start-rollouts.ts');
  const docker = new DockerClient(settings.dockerSocketPath, runtime);
  return startRollouts({
    ...settings,
    server,
    docker,
    files: nodeFileSystem,
    env: process.env,
    log,
    runtime,
    bootId: readBootId(),
  });
}

function assemble(
  settings: RunSettings,
  { log, runtime }: AgentPorts,
): { collector: Collector; engine: EngineFollower } {
  const reader = new SmallFileReader();
  const paths = hostPathsBelow(settings.hostRoot);
  const containers = new ContainerSampler(
    new ContainerFileReader(reader, paths.proc),
    () => runtime.monotonicMs() * 1e6,
  );
  const engine = new EngineFollower({
    connect: () => new DockerClient(settings.dockerSocketPath, runtime),
    socketPath: settings.dockerSocketPath,
    maxContainers: TELEMETRY_LIMITS.maxContainers,
    resyncMs: RESYNC_MS,
    backoffMs: ENGINE_BACKOFF_MS,
    log,
    runtime,
    onInspected: (view) => containers.watch(view),
  });
  const collector = new Collector({ host: new HostSampler(reader, paths, runtime), engine, containers, runtime, log });
  return { collector, engine };
}

async function tickForEver(
  collector: Collector,
  delivery: Delivery,
  { intervalMs, token }: RunSettings,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const offsetMs = tickOffsetMs(token, intervalMs);
  await collector.prime();
  // The first tick does not wait for its place on the clock: a host that starts is online at once.
  await delay(runtime, FIRST_INTERVAL_MS, signal);
  while (!signal.aborted) {
    delivery.offer(await collector.collect());
    await delay(runtime, untilNextTickMs(runtime.nowMs(), intervalMs, offsetMs, EARLY_TIMER_MS), signal);
  }
}

async function runOnce(
  collector: Collector,
  delivery: Delivery,
  { log, runtime, signal }: AgentPorts,
): Promise<number> {
  await collector.prime();
  await delay(runtime, FIRST_INTERVAL_MS, signal);
  delivery.offer(await collector.collect());
  const verdict = await delivery.flushOnce();
  if (verdict.kind === 'delivered') return AGENT_EXIT.done;
  if (verdict.kind === 'unauthorized') return explainUnauthorized(log);
  log.error({ reason: explainVerdict(verdict) }, 'the tick could not be delivered');
  return AGENT_EXIT.undelivered;
}

function explainVerdict(verdict: Exclude<Verdict, { kind: 'delivered' | 'unauthorized' }>): string {
  switch (verdict.kind) {
    case 'refused':
      return `the server answers ${verdict.status}: ${verdict.reasons.join('; ')}`;
    case 'wait':
      return `the server answers ${verdict.status}: ask again in ${Math.ceil(verdict.waitMs / 1000)} s`;
    case 'failed':
      return verdict.reason;
  }
}

function explainUnauthorized(log: Log): number {
  log.error(
    {},
    'the server refuses the token (401): it is unknown, revoked or expired, or its host is archived. On the server, `nexus token create --host NAME` prints a new one',
  );
  return AGENT_EXIT.unauthorized;
}

/** A bearer token in plain HTTP belongs to whoever listens. */
function warnOfPlainHttp(url: URL, log: Log): void {
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'http:' && !isLocal) {
    log.warn(
      { url: url.origin },
      'the token travels unencrypted to this address: use https:// outside a trusted network',
    );
  }
}
