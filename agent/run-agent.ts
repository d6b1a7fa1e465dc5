import type { Log } from '../src/domain/log.ts';
import { isLoopback } from '../src/domain/loopback.ts';
import type { Runtime } from '../src/domain/runtime.ts';
import { TELEMETRY_LIMITS } from '../src/domain/telemetry.ts';
import { readBootId } from './async/boot-id.ts';
import { lockStateDir } from './disk/lock-state-dir.ts';
import { nodeFileSystem } from './disk/node-file-system.ts';
import { DockerClient } from './docker/docker-client.ts';
import { EngineFollower } from './docker/engine-follower.ts';
import { SmallFileReader } from './kernel/small-file-reader.ts';
import type { RolloutParts } from './rollouts/start-rollouts.ts';
import { SelfReport } from './self-report.ts';
import { HttpClient } from './server/http-client.ts';
import type { ServerTransport } from './server/transport.ts';
import type { AgentSettings, RunSettings } from './settings.ts';
import { AGENT_EXIT, startAgent } from './start-agent.ts';
import { currentCommand, renderSystemdUnit } from './systemd-unit.ts';
import { Collector } from './telemetry/collector.ts';
import type { DeliveryPacing } from './telemetry/delivery.ts';
import { ContainerFileReader } from './telemetry/sampling/container-files.ts';
import { ContainerSampler } from './telemetry/sampling/container-sampler.ts';
import { HostSampler, hostPathsBelow } from './telemetry/sampling/host-sampler.ts';

export interface AgentPorts {
  readonly log: Log;
  readonly runtime: Runtime;
  /** Aborts on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  readonly stdout: { write(text: string): unknown };
  readonly pacing?: DeliveryPacing;
}

const RESYNC_MS = 600_000;
const ENGINE_BACKOFF_MS = 500;

/** Runs the agent on this machine, or prints its unit; resolves to the process's exit code, as {@link startAgent}. */
export async function runAgent(settings: AgentSettings, ports: AgentPorts): Promise<number> {
  if (settings.action === 'print-systemd-unit') {
    ports.stdout.write(renderSystemdUnit(currentCommand(process.execPath, process.argv[1])));
    return AGENT_EXIT.done;
  }
  const { log, runtime, signal, pacing } = ports;
  warnOfPlainHttp(settings.url, log);
  const server = await HttpClient.open(settings, runtime);
  const docker = new DockerClient(settings.dockerSocketPath, runtime);
  const self = new SelfReport(readBootId(), settings);
  try {
    return await startAgent({
      settings,
      runtime,
      log,
      files: nodeFileSystem,
      lock: lockStateDir,
      server,
      // A single tick beside an agent that runs must not speak for it.
      ticks: collectorFor(settings, ports, settings.action === 'once' ? null : self),
      rollouts: settings.rollouts ? await rolloutPartsFor(settings, ports, server, docker, self) : null,
      signal,
      pacing,
    });
  } finally {
    server.close();
    docker.close();
  }
}

function collectorFor(settings: RunSettings, { log, runtime }: AgentPorts, self: SelfReport | null): Collector {
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
  return new Collector({ host: new HostSampler(reader, paths, runtime), engine, containers, self, runtime, log });
}

/** Loaded only where it is wanted, as {@link startAgent} does with the rest of it. */
async function rolloutPartsFor(
  { dockerSocketPath, stateDir }: RunSettings,
  { log, runtime }: AgentPorts,
  server: ServerTransport,
  docker: DockerClient,
  self: SelfReport,
): Promise<RolloutParts> {
  const { hostRolloutParts } = await import('./rollouts/host-rollout-parts.ts');
  return hostRolloutParts({
    dockerSocketPath,
    stateDir,
    env: process.env,
    files: nodeFileSystem,
    server,
    docker,
    bootId: readBootId(),
    self,
    log,
    runtime,
  });
}

/** A bearer token in plain HTTP belongs to whoever listens. */
function warnOfPlainHttp(url: URL, log: Log): void {
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    log.warn(
      { url: url.origin },
      'the token travels unencrypted to this address: use https:// outside a trusted network',
    );
  }
}
