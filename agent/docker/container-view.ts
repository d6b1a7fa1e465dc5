import type { ContainerIdentity } from '../../src/domain/telemetry.ts';

/** What the agent needs to know about one container. Replaced as a whole, never changed. */
export interface ContainerView {
  readonly id: string;
  readonly identity: ContainerIdentity;
  /** First process, in the engine's PID namespace; 0 when the container does not run. */
  readonly pid: number;
  /** The engine checks its health: it can change without the container being started or stopped. */
  readonly hasHealthcheck: boolean;
  /** `--network host`: it has no network counters of its own. */
  readonly sharesHostNetwork: boolean;
}
