/** Packs a tick: its numbers become bytes as they are stored, and its containers get one fingerprint. */
import type { ContainerReport, PackedContainers, PackedTick, ReportedTick, Tick } from '../domain/telemetry.ts';
import { identityParts } from './container-presence.ts';
import { packContainers, packHost } from './sample-codec.ts';

function pack(reports: readonly ContainerReport[], fingerprintOf: (text: string) => string): PackedContainers {
  return {
    fingerprint: fingerprintOf(
      JSON.stringify(reports.map(({ containerId, identity }) => [containerId, ...identityParts(identity)])),
    ),
    count: reports.length,
    blocks: packContainers(reports.map((report) => report.metrics)),
  };
}

export function packTick(tick: Tick, fingerprintOf: (text: string) => string): PackedTick {
  const { recordedAtMs, facts, agent, metrics, containers } = tick;
  return {
    recordedAtMs,
    facts,
    agent,
    host: packHost(metrics),
    containers: containers === null ? null : pack(containers, fingerprintOf),
  };
}

/** With its containers at hand, which keeps them in memory for as long as the tick. */
export function packReported(tick: Tick, fingerprintOf: (text: string) => string): ReportedTick {
  return { ...packTick(tick, fingerprintOf), reports: () => tick.containers ?? [] };
}
