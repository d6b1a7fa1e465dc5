/** The records that memory and the stores exchange. */
import type { HostStatus, Labels } from './host.ts';
import type { Quarantine } from './release.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from './rollout.ts';
import type { AgentFacts, ContainerIdentity, HostFacts } from './telemetry.ts';
import type { Token } from './token.ts';

export interface StoredHost {
  readonly id: number;
  readonly name: string;
  readonly status: HostStatus;
  readonly labels: Labels;
  readonly offlineAfterSeconds: number;
  readonly createdAtMs: number;
  readonly archivedAtMs: number | null;
  readonly facts: HostFacts;
  /** Null until its agent says something of itself. */
  readonly agent: AgentFacts | null;
}

/** A token with its SHA-256 digest, which is the only trace of its plaintext. */
export interface StoredToken extends Token {
  /** Short enough to be part of every tick. */
  readonly number: number;
  /** 64 hex digits. */
  readonly digest: string;
}

/** One tick; `sample` is written by `telemetry/sample-codec`. */
export interface StoredTick {
  readonly hostId: number;
  readonly recordedAtMs: number;
  readonly receivedAtMs: number;
  readonly tokenNumber: number;
  /** False for a tick that came late: it is history and does not describe the present. */
  readonly live: boolean;
  readonly sample: Uint8Array;
}

export interface StoredContainer {
  readonly id: number;
  readonly hostId: number;
  readonly containerId: string;
  readonly identity: ContainerIdentity;
  readonly fingerprint: string;
  readonly unhealthy: boolean;
  /** Maintained only while the container is missing. A reported container was last seen at its host's latest tick. */
  readonly lastSeenAtMs: number;
  readonly missingSinceMs: number | null;
  readonly removedAtMs: number | null;
}

/** A quarantine, and when and why it was lifted. */
export interface StoredQuarantine extends Quarantine {
  readonly id: number;
  readonly liftedAtMs: number | null;
  readonly liftedReason: string | null;
}

/** The rows of a rollout. Replaying its log must give them byte for byte. */
export interface StoredRollout {
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
}

export interface RolloutRows extends StoredRollout {
  /** In the order of the plan. */
  readonly hosts: readonly RolloutHost[];
}
