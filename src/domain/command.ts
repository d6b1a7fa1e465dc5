/**
 * Everything that changes the fleet, as data. Times and random values come with the command, so that its outcome depends
 * only on them and on the state in memory.
 */
import type { Budget } from './budget.ts';
import type { Tier } from './history.ts';
import type { Host, Labels } from './host.ts';
import type { Release } from './release.ts';
import type { NumberedEvent, WaveSize } from './rollout.ts';
import type { ReportedTick, Tick } from './telemetry.ts';
import type { AdminScope, AgentIdentity, MintedToken, Token } from './token.ts';

interface TokenRequest {
  readonly name: string | null;
  readonly expiresAtMs: number | null;
  /** `TOKEN_ENTROPY_BYTES` unpredictable bytes. */
  readonly entropy: Uint8Array;
}

export type Command =
  | {
      readonly kind: 'report_tick';
      readonly identity: AgentIdentity;
      readonly tick: ReportedTick;
      readonly nowMs: number;
    }
  | {
      readonly kind: 'back_fill';
      readonly identity: AgentIdentity;
      readonly ticks: readonly Tick[];
      readonly nowMs: number;
    }
  | {
      readonly kind: 'add_host';
      readonly name: string;
      readonly labels: Labels;
      readonly offlineAfterSeconds: number;
      readonly token: TokenRequest | null;
      readonly nowMs: number;
    }
  | {
      readonly kind: 'update_host';
      readonly name: string;
      /** Null deletes a label. */
      readonly labels: Readonly<Record<string, string | null>> | null;
      readonly offlineAfterSeconds: number | null;
      readonly nowMs: number;
    }
  | { readonly kind: 'archive_host'; readonly name: string; readonly nowMs: number }
  | ({ readonly kind: 'create_agent_token'; readonly host: string; readonly nowMs: number } & TokenRequest)
  | ({ readonly kind: 'create_admin_token'; readonly scope: AdminScope; readonly nowMs: number } & TokenRequest)
  | {
      readonly kind: 'rotate_token';
      readonly id: string;
      readonly entropy: TokenRequest['entropy'];
      readonly nowMs: number;
    }
  | { readonly kind: 'revoke_token'; readonly id: string; readonly nowMs: number }
  | {
      readonly kind: 'add_release';
      readonly release: Release;
      /** RFC 8785 bytes. */
      readonly manifest: Uint8Array;
      readonly nowMs: number;
    }
  | { readonly kind: 'remove_release'; readonly release: string; readonly nowMs: number }
  | { readonly kind: 'lift_quarantine'; readonly release: string; readonly reason: string; readonly nowMs: number }
  | { readonly kind: 'set_budget'; readonly budget: Budget; readonly nowMs: number }
  | { readonly kind: 'remove_budget'; readonly label: string; readonly value: string; readonly nowMs: number }
  | ({ readonly kind: 'create_rollout'; readonly idSeed: number; readonly nowMs: number } & RolloutRequest)
  | {
      readonly kind: 'steer_rollout';
      readonly id: string;
      readonly order: RolloutOrder;
      /** 32 random bits for the ids of the rollouts that an abort with rollback creates. */
      readonly idSeed: number;
      readonly nowMs: number;
    }
  /** Brings a stack back to the release before. `idSeed`: 32 random bits for the ids of the rollouts that do it. */
  | { readonly kind: 'undo_stack'; readonly stack: string; readonly idSeed: number; readonly nowMs: number }
  | {
      readonly kind: 'report_event';
      readonly identity: AgentIdentity;
      readonly hostname: string;
      readonly rolloutId: string;
      readonly numbered: NumberedEvent;
      readonly nowMs: number;
    }
  /** The wall clock was set, or the machine slept: it has moved by `byMs` more than the monotonic clock. */
  | { readonly kind: 'note_clock_step'; readonly byMs: number; readonly nowMs: number }
  /** Chunks of history that were found damaged by a read. */
  | { readonly kind: 'report_damage'; readonly chunks: readonly DamagedChunk[]; readonly nowMs: number }
  /** Sent by the ticker: marks silent hosts as offline, stores uses of tokens, begins a round of soak judgement. */
  | { readonly kind: 'sweep'; readonly nowMs: number };

export interface DamagedChunk {
  readonly hostId: number;
  readonly tier: Tier;
  /** Start of its span. */
  readonly startMs: number;
  readonly reason: string;
}

/** Which hosts receive a release, in which waves, and how carefully. */
export interface RolloutRequest {
  readonly release: string;
  /** Names of hosts, or labels that must all match. */
  readonly hosts: { readonly names: readonly string[] } | { readonly selector: Labels };
  readonly waves: readonly WaveSize[];
  readonly maxInFlight: number;
  readonly failureThreshold: number;
}

export type RolloutOrder =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'abort'; readonly reason: string; readonly rollback: boolean }
  /** Expects nothing more of one host, whatever its agent is doing. The rollout goes on without it. */
  | { readonly kind: 'drop_host'; readonly host: string; readonly reason: string };

/** A host that an abort with rollback leaves as it is. */
export interface NotRolledBack {
  readonly host: string;
  /** A sentence without its subject, the host, and without its full stop. */
  readonly reason: string;
}

export interface Outcomes {
  /** Whether anything was stored: false for a duplicate. */
  report_tick: { readonly stored: boolean };
  back_fill: { readonly stored: number };
  add_host: { readonly host: Host; readonly minted: MintedToken | null };
  update_host: { readonly host: Host };
  archive_host: { readonly host: Host };
  create_agent_token: MintedToken;
  create_admin_token: MintedToken;
  rotate_token: MintedToken;
  revoke_token: Token;
  /** `created`: false when the release was known already. */
  add_release: { readonly release: Release; readonly created: boolean };
  remove_release: { readonly release: Release };
  lift_quarantine: { readonly lifted: number };
  set_budget: { readonly budget: Budget };
  remove_budget: { readonly budget: Budget };
  create_rollout: { readonly id: string };
  /** `rollbacks`: ids of the rollouts that an abort with rollback has created. */
  steer_rollout: {
    readonly id: string;
    readonly rollbacks: readonly string[];
    readonly notRolledBack: readonly NotRolledBack[];
  };
  /** `notUndone`: the hosts that none of the rollouts reaches. */
  undo_stack: {
    readonly rollouts: readonly string[];
    readonly notUndone: readonly NotRolledBack[];
  };
  /** `applied`: false for a duplicate. */
  report_event: { readonly applied: boolean };
  note_clock_step: { readonly restarted: number };
  report_damage: { readonly reported: number };
  sweep: { readonly wentOffline: number };
}

export type CommandOf<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;
