/** What the agent's samplers would find on a simulated host. */

import type { ContainerView } from '../../../../agent/docker/container-view.ts';
import { KEEPS_LABEL } from '../../../../agent/docker/project-container.ts';
import type { TickContent } from '../../../../agent/telemetry/compose-tick.ts';
import { type ContainerMetrics, NO_FACTS } from '../../../../src/domain/telemetry.ts';
import type { Container } from './container.ts';
import type { SimulatedHost } from './simulated-host.ts';

/** A view is kept while nothing of it changes, as the real inventory does. */
const views = new WeakMap<Container, { readonly key: string; readonly view: ContainerView }>();

export function observeHost({ engine }: SimulatedHost, recordedAtMs: number): Omit<TickContent, 'agent'> {
  const isSeen = engine.mood === 'well';
  const containers = [...engine.containers.values()].filter(({ spec }) => !(KEEPS_LABEL in spec.labels));
  return {
    recordedAtMs,
    metrics: {
      cpu_percent: 5,
      load_average: 0.5,
      memory_used_mb: 1_000,
      memory_total_mb: 4_000,
      disk_used_gb: 10,
      disk_total_gb: 100,
      network_rx_bytes: 0,
      network_tx_bytes: 0,
    },
    facts: NO_FACTS,
    containers: isSeen ? containers.map(viewOf) : null,
    containerMetrics: new Map(
      containers.filter(({ isRunning }) => isRunning).map((container) => [container.id, metricsOf(container)]),
    ),
  };
}

function viewOf(container: Container): ContainerView {
  const { id, name, spec, state, health, startedAtMs } = container;
  const key = `${name} ${state} ${health} ${startedAtMs}`;
  const known = views.get(container);
  if (known?.key === key) return known.view;
  const view: ContainerView = {
    id,
    identity: {
      name,
      image: spec.image,
      imageTag: null,
      status: null,
      state,
      healthStatus: health,
      startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
      finishedAt: null,
      ports: [],
      labels: spec.labels,
    },
    pid: 0,
    hasHealthcheck: spec.hasHealthcheck,
    sharesHostNetwork: false,
  };
  views.set(container, { key, view });
  return view;
}

function metricsOf(container: Container): ContainerMetrics {
  return {
    cpu_percent: 5,
    memory_usage_mb: Math.round(container.memoryMb),
    memory_limit_mb: 2_000,
    network_rx_bytes: 0,
    network_tx_bytes: 0,
    block_read_bytes: 0,
    block_write_bytes: 0,
  };
}
