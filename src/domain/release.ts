/** A release: what runs, how it is judged, and what happens when it fails. Immutable; its digest is its name. */

/** `halt` leaves the failed release running for inspection; `rollback-and-halt` goes back to what ran before. */
export type OnHealthFailure = 'halt' | 'rollback-and-halt';

/** What a host that fell silent during its rollout counts as: `hold` waits for it, `fail` counts it as failed. */
export type OnLostHost = 'hold' | 'fail';

/** What is done about a stack that no longer runs what its release says. */
export type OnDrift = 'report' | 'heal';

/** How much worse than before a release may do during its soak, by the telemetry of its own containers. */
export interface TelemetryLimits {
  /** What becomes of a soak in which memory or CPU was not judged: `required` holds it, `judged` lets it pass; `off`: not looked at. */
  readonly mode: 'judged' | 'required' | 'off';
  /** Restarts of any one container during the soak. */
  readonly maxRestarts: number;
  /** Growth of the stack's memory, MiB per minute, beyond what is usual: see `telemetry-gate/find-regressions`. */
  readonly maxMemoryGrowthMbPerMinute: number;
  /** The stack's CPU as a multiple of what is usual. */
  readonly maxCpuRatio: number;
  /** CPU below this many percent of one core is never a regression. */
  readonly minCpuPercent: number;
  /** Seconds that containers of the stack were unhealthy during the soak. */
  readonly maxUnhealthySeconds: number;
}

/** Compose's rule for the name of a project. */
export const STACK_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** The version and the Compose file of the release that takes a stack away. */
export const REMOVED_VERSION = 'removed';
export const NO_SERVICES = 'services: {}\n';

/** Limits of a release manifest. */
export const RELEASE_LIMITS = { maxManifestBytes: 1_048_576, maxFiles: 500, maxProbes: 32 } as const;

export const DEFAULT_TELEMETRY_LIMITS: TelemetryLimits = {
  mode: 'judged',
  maxRestarts: 2,
  maxMemoryGrowthMbPerMinute: 16,
  maxCpuRatio: 3,
  minCpuPercent: 25,
  maxUnhealthySeconds: 30,
};

/** How much of a soak containers may be unhealthy unless the release says otherwise, and never longer than the default limit. */
const UNHEALTHY_SHARE = 0.25;

/** A failure that is shorter than the sustained one is tolerated, so all of them together may last as long at least. */
export function defaultMaxUnhealthySeconds(soakSeconds: number, sustainedFailureSeconds: number): number {
  const share = Math.max(sustainedFailureSeconds, Math.ceil(soakSeconds * UNHEALTHY_SHARE));
  return Math.min(DEFAULT_TELEMETRY_LIMITS.maxUnhealthySeconds, share);
}

export interface ReleasePolicy {
  /** From the first change to what runs to `activation_completed`; then the activation has failed. */
  readonly activationTimeoutSeconds: number;
  readonly soakSeconds: number;
  /** An `enforce` probe that fails for longer has failed the host. */
  readonly sustainedFailureSeconds: number;
  readonly onHealthFailure: OnHealthFailure;
  readonly telemetry: TelemetryLimits;
  /** A host that cannot reach the server for so long after its activation goes back by itself; 0: it never does. */
  readonly confirmSeconds: number;
  /** How long trouble of the host or its registry may delay the activation, apart from its own time limit. */
  readonly pullBudgetSeconds: number;
  readonly onLostHost: OnLostHost;
  /** Whether a rollback runs the finished one-shot jobs of the earlier release again. */
  readonly rerunJobsOnRollback: boolean;
  /** Exits with a code other than 0 that one container may have during the soak, start-up apart. */
  readonly maxRestarts: number;
  readonly onDrift: OnDrift;
}

/** What a manifest that leaves its policy out means. */
export const DEFAULT_POLICY: ReleasePolicy = {
  activationTimeoutSeconds: 600,
  soakSeconds: 60,
  sustainedFailureSeconds: 15,
  onHealthFailure: 'rollback-and-halt',
  telemetry: DEFAULT_TELEMETRY_LIMITS,
  confirmSeconds: 0,
  pullBudgetSeconds: 1_800,
  onLostHost: 'hold',
  rerunJobsOnRollback: false,
  maxRestarts: 0,
  onDrift: 'report',
};

export interface Release {
  /** `sha256:` and 64 hex digits, over the manifest's RFC 8785 bytes. */
  readonly digest: string;
  readonly stack: string;
  readonly version: string;
  readonly createdAtMs: number;
  readonly policy: ReleasePolicy;
  /** Host ports that its services publish, as far as its Compose file names them. */
  readonly publishedPorts: readonly number[];
  /** What its services call their containers, where its Compose file says so. */
  readonly containerNames: readonly string[];
  /** It takes its stack away: nothing runs where it was brought. */
  readonly removesStack: boolean;
}

/** Why a release must not be dispatched to its stack any more. */
export interface Quarantine {
  readonly stack: string;
  readonly release: string;
  readonly rolloutId: string;
  /** The host whose failure broke the threshold. */
  readonly host: string;
  readonly failingProbes: readonly string[];
  /** Last output of what failed, at most 8 KiB. */
  readonly output: string;
  readonly sinceMs: number;
}
