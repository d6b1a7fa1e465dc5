import type { Site } from './site.ts';

/** One row of the table: a promise about rollouts, and the story on real engines that it is held to. */
export interface FieldRow {
  /** Its Compose project, and the first part of the names of its hosts: unique in the table. */
  readonly stack: string;
  /** What Nexus promises, as a sentence. */
  readonly promise: string;
  /** Each on an engine of its own; default 1. */
  readonly hosts?: 1 | 2 | 3;
  /** `own`: the story breaks, fills or restarts its engines, so no other row may be on them. Default `shared`. */
  readonly engines?: 'shared' | 'own';
  /** `own`: the story stops or restores the server. Default `shared`. */
  readonly server?: 'shared' | 'own';
  /** `by the story`: no agent runs until the story starts it. Default `running`. */
  readonly agents?: 'running' | 'by the story';
  /** `steppable`: the story sets the wall clocks of the agents. Default `right`. */
  readonly clock?: 'right' | 'steppable';
  /** Seconds between two ticks of telemetry. Default 5: few rows look at telemetry, and it costs the machine time. */
  readonly intervalSeconds?: number;
  /** Seconds of silence after which its hosts are offline. Default: the server's own, which few rows could wait for. */
  readonly offlineAfterSeconds?: number;
  /** Needs a minute or more by its nature, so it begins before the others. */
  readonly isLong?: boolean;
  /** Resolves when the promise was kept, and throws otherwise. */
  readonly story: (site: Site) => Promise<void>;
}
