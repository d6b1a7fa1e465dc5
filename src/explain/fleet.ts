/** What the states of hosts and containers mean. */
import type { ContainerBody, HostBody } from '../wire/operator.ts';
import type { Tone } from './tone.ts';

export const HOST_STATUS_TONES: Readonly<Record<HostBody['status'], Tone>> = {
  pending: 'warning',
  online: 'good',
  offline: 'bad',
  degraded: 'warning',
  archived: 'muted',
};

/** Docker's states of a container; one of a newer Docker has none. */
const CONTAINER_STATE_TONES: Readonly<Record<string, Tone>> = {
  running: 'good',
  restarting: 'warning',
  paused: 'warning',
  created: 'warning',
  exited: 'muted',
  dead: 'bad',
  removing: 'muted',
};

export function containerTone(container: Pick<ContainerBody, 'state' | 'health_status' | 'removed_at'>): Tone {
  if (container.removed_at !== null) return 'muted';
  if (container.health_status === 'unhealthy') return 'bad';
  return CONTAINER_STATE_TONES[container.state ?? ''] ?? 'neutral';
}
