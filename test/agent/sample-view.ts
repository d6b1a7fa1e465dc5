import type { ContainerView } from '../../agent/docker/container-view.ts';
import type { ContainerIdentity } from '../../src/domain/telemetry.ts';

type Changes = Partial<ContainerView & ContainerIdentity>;

/** A running container with nothing special about it, but for `changes`. */
export function sampleView(changes: Changes = {}): ContainerView {
  const id = changes.id ?? 'c0ffee';
  return {
    id,
    identity: {
      name: changes.name ?? 'web',
      image: changes.image ?? 'nginx',
      imageTag: changes.imageTag ?? '1.27',
      status: changes.status ?? 'running',
      state: changes.state ?? 'running',
      healthStatus: changes.healthStatus ?? null,
      startedAt: changes.startedAt ?? '2026-11-21T16:49:08.841465236Z',
      finishedAt: changes.finishedAt ?? null,
      ports: changes.ports ?? [],
      labels: changes.labels ?? {},
    },
    pid: changes.pid ?? 4242,
    hasHealthcheck: changes.hasHealthcheck ?? false,
    sharesHostNetwork: changes.sharesHostNetwork ?? false,
  };
}
