/** Packs a tick: its numbers become bytes as they are stored, and its containers get one fingerprint. */
import type { ContainerReport, PackedContainers, ReportedTick, Tick } from '../domain/telemetry.ts';
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

export function packTick(tick: Tick, fingerprintOf: (text: string) => string): ReportedTick {
  const { recordedAtMs, facts, agent, metrics, containers } = tick;
  return {
    recordedAtMs,
    facts,
    agent,
    host: packHost(metrics),
    containers: containers === null ? null : pack(containers, fingerprintOf),
    reports: () => containers ?? [],
  };
}
