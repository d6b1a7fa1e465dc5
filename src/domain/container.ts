import type { ContainerIdentity, ContainerMetrics } from './telemetry.ts';

/** One container of one host, as an operator sees it. */
export interface Container {
  readonly containerId: string;
  readonly identity: ContainerIdentity;
  /** Null when no latest tick holds it any more. */
  readonly metrics: ContainerMetrics | null;
  /** When its host last reported it, by the host's clock. */
  readonly lastSeenAtMs: number;
  readonly removedAtMs: number | null;
}

/**
 * Set by agents on every container that they deploy: the digest of the release that it was made for. Later releases that
 * do not change its service leave it as it is.
 */
export const RELEASE_LABEL = 'nexus.release';
