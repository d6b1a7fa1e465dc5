/**
 * The vocabulary of rollouts. All of it is plain data that is stored as JSON, and what is folded from the log must equal
 * what is stored, byte for byte: values are built with their fields in a fixed order, and without undefined.
 */
import type { Labels } from './host.ts';
import type { ReleasePolicy } from './release.ts';

export const ROLLOUT_STATES = ['active', 'paused', 'converged', 'halted', 'aborted', 'superseded'] as const;
export type RolloutStatus = (typeof ROLLOUT_STATES)[number];

export const HOST_STATES = ['pending', 'activating', 'deferred', 'soaking', 'failed', 'converged', 'reverted'] as const;
export type HostState = (typeof HOST_STATES)[number];

/**
 * The hosts that a wave adds: `count` of them, as many as bring `percent` of all hosts, earlier waves included, or those
 * with all labels of `selector`. `soakSeconds`: how long they soak; left out: as the release says.
 */
export type WaveSize = { readonly soakSeconds?: number | undefined } & (
  | { readonly count: number }
  | { readonly percent: number }
  | { readonly selector: Labels }
);

/** A rollout with more is refused: every step considers all hosts, and every wave costs each step a little. */
export const ROLLOUT_LIMITS = { maxHosts: 20_000, maxWaves: 64 } as const;

/** What a request that leaves these out means. */
export const DEFAULT_ROLLOUT: {
  readonly waves: readonly WaveSize[];
  readonly maxInFlight: number;
  readonly failureThreshold: number;
} = { waves: [{ count: 1 }, { percent: 100 }], maxInFlight: 5, failureThreshold: 0 };

export type ProbeMode = 'enforce' | 'observe';

/** A regression that the server found in a soaking host's telemetry counts as a failing probe of this name. */
export const TELEMETRY_PROBE = 'telemetry';

/** What an agent's events may carry: the agent cuts texts to it, and the server takes and keeps no more. */
export const EVENT_LIMITS = {
  /** The last output of what failed, bytes of UTF-8. */
  maxOutputBytes: 8_192,
  /** Why a probe fails, bytes of UTF-8. */
  maxReasonBytes: 1_024,
  /** Probes that one host declares. */
  maxProbes: 100,
  /** Of a probe, which may be named after a service; UTF-16 code units. */
  maxProbeNameLength: 128,
  /** Images that one host reports, and with how long a reference; UTF-16 code units. */
  maxImages: 200,
  maxReferenceLength: 512,
  /** Services with evidence, and all their log lines together, bytes of UTF-8. */
  maxEvidence: 32,
  maxEvidenceBytes: 8_192,
} as const;

/**
 * What keeps a host from activating a release although the release itself may be good. Such a host waits and tries again
 * within the release's `pull_budget_seconds`, and its failure quarantines nothing.
 */
export const TROUBLE_CLASSES = [
  /** The registry does not answer, limits the rate, or is too slow. */
  'registry',
  /** The registry wants credentials, or others. */
  'credentials',
  'disk',
  /** A host port is taken. */
  'port',
  /** The name of a container, network or volume is taken. */
  'name',
  /** An external network or volume is missing, or no address is free. */
  'network',
  /** Compose is missing or too old. */
  'compose',
  /** The Docker Engine does not answer, or cannot run what is asked of it. */
  'engine',
  /** A project of that name runs that Nexus has not deployed. */
  'foreign_project',
  /** Other stacks of the host are being changed first. */
  'queue',
] as const;
export type TroubleClass = (typeof TROUBLE_CLASSES)[number];

/** What a failure is blamed on, if not on the release: trouble that outlasted its budget, or a host that fell silent. */
export const HOST_FAULTS = [...TROUBLE_CLASSES, 'lost'] as const;
export type HostFault = (typeof HOST_FAULTS)[number];

/** The image that a service's containers run. */
export interface RunningImage {
  readonly service: string;
  /** As the Compose file names it. */
  readonly reference: string;
  /** `sha256:` and 64 hex digits: the engine's name for the image. */
  readonly imageId: string;
  /** `sha256:` and 64 hex digits, under which a registry has it; null for one that was built or loaded here. */
  readonly repoDigest: string | null;
}

/** What a failing service left behind, taken before anything of it is removed. */
export interface ServiceEvidence {
  readonly service: string;
  /** Null while it runs. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  /** Its last lines, at most `EVENT_LIMITS.maxEvidenceBytes` for all services together. */
  readonly logTail: string;
}

/** What an agent reports about its host in one rollout. Times are by the agent's clock, milliseconds since the epoch. */
export type AgentEvent =
  | {
      readonly type: 'dispatch_ack';
      readonly currentRelease: string | null;
      readonly receivedAtMs: number;
      /** The highest epoch of this stack that the agent has taken up, this one included. Absent from older agents. */
      readonly agentEpoch?: number;
    }
  /** The agent will not act on the offer, which is withdrawn. */
  | {
      readonly type: 'dispatch_refused';
      /** A word for programs, such as `epoch`. */
      readonly reason: string;
      /** A sentence. */
      readonly detail: string;
      /** As in `dispatch_ack`. */
      readonly agentEpoch?: number;
    }
  | { readonly type: 'activation_started'; readonly startedAtMs: number; readonly method: string }
  | {
      readonly type: 'activation_completed';
      readonly observedRelease: string;
      readonly exitCode: number;
      readonly completedAtMs: number;
      /** Absent from older agents. */
      readonly images?: readonly RunningImage[];
    }
  /** `reason`: `<class>: sentence`, the class being one of {@link TROUBLE_CLASSES}. */
  | { readonly type: 'activation_deferred'; readonly reason: string; readonly deferredAtMs: number }
  | {
      readonly type: 'activation_failed';
      readonly exitCode: number;
      readonly stderrTail: string;
      readonly failedAtMs: number;
      /** The trouble that outlasted its budget; absent when the release itself is to blame. */
      readonly trouble?: TroubleClass;
      readonly evidence?: readonly ServiceEvidence[];
    }
  | {
      readonly type: 'probe_topology_declared';
      readonly probes: ReadonlyArray<{ readonly name: string; readonly mode: ProbeMode }>;
      readonly declaredAtMs: number;
    }
  | {
      readonly type: 'probe_observed_first';
      readonly probe: string;
      readonly mode: ProbeMode;
      readonly observedAtMs: number;
    }
  | {
      readonly type: 'probe_result';
      readonly probe: string;
      readonly mode: ProbeMode;
      readonly status: 'pass' | 'fail';
      readonly observedAtMs: number;
      readonly failureReason: string | null;
    }
  | {
      readonly type: 'probe_failure_first';
      readonly probe: string;
      readonly mode: ProbeMode;
      readonly firstFailedAtMs: number;
    }
  | {
      readonly type: 'failed';
      readonly failedAtMs: number;
      readonly sustainedSeconds: number;
      readonly failingProbes: readonly string[];
      readonly policyApplied: string;
      readonly evidence?: readonly ServiceEvidence[];
    }
  /** What ran before cannot be brought back for now; the agent goes on trying. */
  | {
      readonly type: 'rollback_failed';
      readonly exitCode: number;
      readonly outputTail: string;
      readonly failedAtMs: number;
    }
  | {
      readonly type: 'rollback_completed';
      readonly revertedToRelease: string | null;
      readonly exitCode: number;
      readonly completedAtMs: number;
      /** What is as unwell as it was before the rollout; absent when nothing is. */
      readonly outputTail?: string;
    }
  | { readonly type: 'converged'; readonly convergedAtMs: number; readonly currentRelease: string };

export const AGENT_EVENT_TYPES = [
  'dispatch_ack',
  'dispatch_refused',
  'activation_started',
  'activation_completed',
  'activation_deferred',
  'activation_failed',
  'probe_topology_declared',
  'probe_observed_first',
  'probe_result',
  'probe_failure_first',
  'failed',
  'rollback_completed',
  'rollback_failed',
  'converged',
] as const satisfies ReadonlyArray<AgentEvent['type']>;

export type AgentEventType = (typeof AGENT_EVENT_TYPES)[number];

/** An event with its number and the digest of the body it came in. */
export interface NumberedEvent {
  readonly seq: number;
  /** SHA-256 of the event's RFC 8785 bytes in hex; tells a duplicate from a conflict. */
  readonly bodyDigest: string;
  readonly event: AgentEvent;
}

export interface ProbeRecord {
  readonly name: string;
  readonly mode: ProbeMode;
  /** Null: declared, but not observed yet. */
  readonly status: 'pass' | 'fail' | null;
  /** Since when it has had that status, by the agent's clock; null with a null status. */
  readonly sinceMs: number | null;
  readonly reason: string | null;
}

/** How the server judges a soaking host by its telemetry. */
export interface TelemetryVerdict {
  /** `watch`: beyond a limit, but not for long yet. `regressed`: beyond it for too long; counts as a failing probe. */
  readonly status: 'not_judged' | 'ok' | 'watch' | 'regressed';
  readonly sinceMs: number;
  /** A sentence with the figures. */
  readonly reason: string;
  readonly figures: Readonly<Record<string, number | null>>;
}

/** One host in one rollout. */
export interface RolloutHost {
  readonly name: string;
  readonly wave: number;
  readonly state: HostState;
  /** The host was archived, or dropped by an operator or another rollout, and no longer takes part. */
  readonly left: boolean;
  /** Rises with every dispatch of the stack to the host; null until it is dispatched, and when that is withdrawn. */
  readonly epoch: number | null;
  readonly dispatchedAtMs: number | null;
  readonly lastSeq: number;
  /** When it entered its state, by the server's clock. */
  readonly stateSinceMs: number;
  /** What ran before, according to the acknowledgement; null before it, and for a first deploy. */
  readonly previousRelease: string | null;
  /** By the server's clock; null before the soak. */
  readonly soakDueAtMs: number | null;
  readonly probes: readonly ProbeRecord[];
  readonly telemetry: TelemetryVerdict | null;
  /** Set once it has failed. */
  readonly failure: {
    readonly failingProbes: readonly string[];
    readonly output: string;
    readonly atMs: number;
    /** What it is blamed on; null: the release. */
    readonly trouble: HostFault | null;
    readonly evidence: readonly ServiceEvidence[];
  } | null;
  /** Why its agent did not take the last offer up; null once one is acknowledged. */
  readonly refusal: {
    readonly reason: string;
    readonly detail: string;
    readonly atMs: number;
    /** Offers that were refused one after the other. */
    readonly count: number;
  } | null;
  /** The trouble that it waits for to pass; `class`: null where its agent names none that is known here. */
  readonly deferral: { readonly class: TroubleClass | null; readonly reason: string; readonly atMs: number } | null;
  /** What its activation brought up; empty before it, and where its agent does not tell. */
  readonly images: readonly RunningImage[];
  /**
   * The last attempt to bring back what ran before; null while none has failed, and once it is back. On a reverted host,
   * what is as unwell as it was before.
   */
  readonly rollbackFailure: { readonly exitCode: number; readonly output: string; readonly atMs: number } | null;
  /**
   * It has been offline for longer than its activation may take, since `sinceMs`, and was found so at `atMs`; null until
   * then, and once it is back.
   */
  readonly lost: { readonly sinceMs: number; readonly atMs: number } | null;
  /** Why it no longer takes part although it is not archived; otherwise null. */
  readonly dropped: string | null;
}

/** `ro_`, then the time and 32 random bits: ids sort by age, and two of one millisecond differ. */
export function rolloutIdOf(createdAtMs: number, seed: number): string {
  return `ro_${createdAtMs.toString(36).padStart(9, '0')}${(seed >>> 0).toString(16).padStart(8, '0')}`;
}

/** What a rollout was asked to do. It never changes. */
export interface RolloutPlan {
  readonly id: string;
  readonly stack: string;
  readonly release: string;
  /** Host names, wave by wave; every host is in exactly one. */
  readonly waves: readonly (readonly string[])[];
  /** By wave; null, or none: as the policy says. */
  readonly waveSoakSeconds: readonly (number | null)[];
  readonly maxInFlight: number;
  /** One more failed host than this halts the rollout. */
  readonly failureThreshold: number;
  readonly policy: ReleasePolicy;
  readonly createdAtMs: number;
}

/** How long a host of the wave soaks. */
export function soakSecondsOf({ waveSoakSeconds, policy }: RolloutPlan, wave: number): number {
  return waveSoakSeconds[wave] ?? policy.soakSeconds;
}

/** How many hosts of one wave are where. Kept up to date, so that no entry has to read every host. */
export interface WaveCounts {
  /** Not dispatched. */
  readonly pending: number;
  /** Dispatched (acknowledged or not), and neither converged, failed nor reverted. */
  readonly inFlight: number;
  readonly converged: number;
  /** Failed or reverted. */
  readonly failed: number;
  readonly left: number;
}

/** What changes about a rollout, apart from its hosts. */
export interface RolloutProgress {
  readonly status: RolloutStatus;
  readonly statusSinceMs: number;
  /** Why it has its status, for a person; empty while it is active or converged. */
  readonly reason: string;
  /** Hosts of this wave and of those before it may be dispatched. */
  readonly currentWave: number;
  readonly waves: readonly WaveCounts[];
  /**
   * What the first host to run an image ran, as repository digests by image reference: what later hosts are to run. Null
   * while no agent has told of any. A digest is null for an image that no registry has.
   */
  readonly images: Readonly<Record<string, string | null>> | null;
  /** Hosts that the release itself has failed, not trouble of theirs. */
  readonly releaseFailures: number;
}

/** Everything that changes a rollout. Folding its entries, beginning with `rollout_created`, gives the stored state. */
export type RolloutEntry =
  | { readonly kind: 'rollout_created'; readonly plan: RolloutPlan }
  | { readonly kind: 'rollout_paused' }
  | { readonly kind: 'rollout_resumed' }
  | { readonly kind: 'rollout_aborted'; readonly reason: string }
  | { readonly kind: 'rollout_superseded'; readonly by: string }
  /** `host`: the host whose failure ended it, and whose evidence goes into the quarantine. */
  | { readonly kind: 'rollout_halted'; readonly host: string; readonly reason: string }
  | { readonly kind: 'rollout_converged' }
  /**
   * `wave` begins: at least one host of the wave before has converged, none is in flight, and only `skipped` ones are
   * still pending: hosts that were not live, and follow when they are back.
   */
  | { readonly kind: 'wave_promoted'; readonly wave: number; readonly skipped: readonly string[] }
  | { readonly kind: 'host_dispatched'; readonly host: string; readonly epoch: number }
  /** An offer that was not acknowledged, and would not be made any more (paused, quarantined, host offline, …). */
  | { readonly kind: 'dispatch_withdrawn'; readonly host: string }
  | { readonly kind: 'host_reported'; readonly host: string; readonly numbered: NumberedEvent }
  | { readonly kind: 'telemetry_judged'; readonly host: string; readonly verdict: TelemetryVerdict }
  /** The host was archived and no longer takes part. */
  | { readonly kind: 'host_left'; readonly host: string }
  /** The rollout waits for a host that is lost: its policy is to hold. `sinceMs`: when the host was last heard. */
  | { readonly kind: 'rollout_stalled'; readonly host: string; readonly sinceMs: number }
  /** The host is lost, and the policy is that it has failed. It goes back once it is there again. */
  | { readonly kind: 'host_lost'; readonly host: string; readonly sinceMs: number }
  /** A host that the rollout has stalled for is there again, and goes on. */
  | { readonly kind: 'host_returned'; readonly host: string }
  /**
   * The soak begins again, because the server's wall clock was set, and what was measured by it does not fit together any
   * more. `byMs`: by how much; null where that is not known.
   */
  | { readonly kind: 'soak_restarted'; readonly host: string; readonly byMs: number | null }
  /** Nothing more is expected of the host: an operator insists, or a newer rollout has taken it over. */
  | { readonly kind: 'host_dropped'; readonly host: string; readonly reason: string };

export type RolloutEntryKind = RolloutEntry['kind'];

export const ROLLOUT_ENTRY_KINDS = [
  'rollout_created',
  'rollout_paused',
  'rollout_resumed',
  'rollout_aborted',
  'rollout_superseded',
  'rollout_halted',
  'rollout_converged',
  'wave_promoted',
  'host_dispatched',
  'dispatch_withdrawn',
  'host_reported',
  'telemetry_judged',
  'host_left',
  'rollout_stalled',
  'host_lost',
  'host_returned',
  'soak_restarted',
  'host_dropped',
] as const satisfies readonly RolloutEntryKind[];

/** Whether log entries of this kind change a rollout. What happens to a deployment afterwards is logged beside them. */
export function isRolloutEntryKind(kind: string): kind is RolloutEntryKind {
  return (ROLLOUT_ENTRY_KINDS as readonly string[]).includes(kind);
}

/**
 * What an entry asks for. A `quarantine` belongs to the entry's transaction; the others wake the host's waiting poll
 * after the commit.
 */
export type RolloutEffect =
  /** The release is offered to the host. */
  | { readonly kind: 'offer'; readonly host: string }
  | {
      readonly kind: 'quarantine';
      readonly host: string;
      readonly failingProbes: readonly string[];
      readonly output: string;
    }
  /** The server judges that the release is to be failed: it has regressed in its soak, or its host is lost. */
  | { readonly kind: 'regression'; readonly host: string };
