/** What is stored, record by record, as memory and the stores pass it to one another. */
import type { HostStatus, Labels } from './host.ts';
import type { Quarantine } from './release.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from './rollout.ts';
import type { ContainerIdentity, HostFacts } from './telemetry.ts';
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
}

/** A token with its SHA-256 digest; the digest is the only trace of its plaintext. */
export interface StoredToken extends Token {
  /** Small enough to stand in every tick. */
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
  /** False: back-filled, so it is history and says nothing of now. */
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
  /** Kept up to date only while the container is missing; a reported one was last seen at its host's latest tick. */
  readonly lastSeenAtMs: number;
  readonly missingSinceMs: number | null;
  readonly removedAtMs: number | null;
}

/** A quarantine with the end it may have come to. */
export interface StoredQuarantine extends Quarantine {
  readonly id: number;
  readonly liftedAtMs: number | null;
  readonly liftedReason: string | null;
}

/** A rollout as it is stored: what replaying its log must come to, byte for byte. */
export interface StoredRollout {
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
}

export interface RolloutRows extends StoredRollout {
  /** In the order of the plan. */
  readonly hosts: readonly RolloutHost[];
}
