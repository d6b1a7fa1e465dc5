/** What operators read about stacks: which release is to run on which host, and what does run there. */
import type { Drift } from './deployment.ts';
import type { HostStatus } from './host.ts';
import type { Read } from './ports.ts';

export interface StackRelease {
  readonly digest: string;
  /** Null for a release that the server does not have. */
  readonly version: string | null;
}

/** What the containers of one service are, by the latest report of their host. */
export interface ServiceView {
  readonly service: string;
  readonly running: number;
  readonly containers: number;
  readonly images: readonly string[];
}

/** One stack on one host. */
export interface StackHostView {
  readonly stack: string;
  readonly host: string;
  readonly status: HostStatus;
  /** The release of the rollout that is still to reach the host, or else what the last one brought; null: none is to run. */
  readonly desired: StackRelease | null;
  /** What runs, as the agent reported it last; null: nothing that a rollout has brought, or no container of it is left. */
  readonly observed: StackRelease | null;
  /** Since when it runs, by the server's clock; null where no rollout has reached the host yet or no container is left. */
  readonly sinceMs: number | null;
  /** The rollout that is still to reach the host or changes it now, or else the last that did. */
  readonly rolloutId: string;
  /** By name. Empty until the host reports. */
  readonly services: readonly ServiceView[];
  /** Whether what runs has been compared with what was deployed. */
  readonly isWatched: boolean;
  readonly drift: Drift | null;
}

export interface StackSummary {
  readonly stack: string;
  /** Hosts by what they run, the largest number first. */
  readonly releases: ReadonlyArray<{ readonly release: StackRelease | null; readonly hosts: number }>;
  readonly hosts: number;
  /** Hosts that run something else than they are to. */
  readonly behind: number;
  readonly drifted: number;
}

export interface StackQueries {
  /** In the order of their names: every stack that a rollout has reached, or is to reach. */
  stacks(): Read<StackSummary[]>;
  /** In the order of the hosts' names. Throws `not_found` where no rollout knows the stack. */
  stack(name: string): Read<StackHostView[]>;
  /** The stacks of a host, in the order of their names. Throws `not_found` for an unknown host. */
  stacksOfHost(name: string): Read<StackHostView[]>;
}
