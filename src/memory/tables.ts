/** The tables of the memory store. */
import type { Budget } from '../domain/budget.ts';
import type { Deployment } from '../domain/deployment.ts';
import type { Tier } from '../domain/history.ts';
import type { StoredContainer, StoredHost, StoredQuarantine, StoredTick, StoredToken } from '../domain/records.ts';
import type { Release } from '../domain/release.ts';
import type { LastNumbers, Numbered } from '../domain/store.ts';

export interface EntryRecord {
  readonly id: number;
  readonly atMs: number;
  readonly kind: string;
  readonly host: string | null;
  readonly rolloutId: string | null;
  /** Encoded by `EVENT_DATA`. */
  readonly data: string;
  readonly hash: string;
}

export interface ReleaseRecord {
  readonly number: number;
  readonly release: Release;
  readonly manifest: Uint8Array;
}

/** The rows of a rollout, encoded by `rollout/stored-rows`. */
export interface RolloutTexts {
  readonly number: number;
  readonly id: string;
  readonly plan: string;
  progress: string;
  /** By host name. */
  readonly hosts: Map<string, string>;
}

export interface ChunkRecord {
  readonly hostId: number;
  readonly tier: Tier;
  readonly startMs: number;
  readonly times: readonly number[];
  readonly receivedMs: number;
  values: Uint8Array | null;
  isDamaged: boolean;
}

export interface NumberedTick {
  /** Ticks are numbered in the order in which they were stored. */
  readonly number: number;
  readonly tick: StoredTick;
}

export interface Tables {
  readonly hosts: Map<number, StoredHost>;
  readonly tokens: Map<number, StoredToken>;
  readonly containers: Map<number, StoredContainer>;
  /** By host, in the order of their instants. */
  readonly ticks: Map<number, NumberedTick[]>;
  /** By host and tier, in the order of their starts. */
  readonly chunks: Map<string, ChunkRecord[]>;
  readonly entries: EntryRecord[];
  readonly releases: ReleaseRecord[];
  readonly quarantines: Map<number, StoredQuarantine>;
  readonly rollouts: RolloutTexts[];
  /** By stack and host. */
  readonly epochs: Map<string, { readonly stack: string; readonly host: string; readonly epoch: number }>;
  /** By stack and host. */
  readonly deployments: Map<string, Deployment>;
  /** By `budgetName`. */
  readonly budgets: Map<string, Budget>;
  readonly requests: Array<{ readonly number: number; readonly atMs: number; readonly body: Uint8Array }>;
  readonly last: Record<Numbered | 'tick' | 'request', number>;
  forwardedUpTo: number;
}

export function emptyTables(): Tables {
  const numbers: LastNumbers = { host: 0, token: 0, container: 0, release: 0, quarantine: 0, rollout: 0, entry: 0 };
  return {
    hosts: new Map(),
    tokens: new Map(),
    containers: new Map(),
    ticks: new Map(),
    chunks: new Map(),
    entries: [],
    releases: [],
    quarantines: new Map(),
    rollouts: [],
    epochs: new Map(),
    deployments: new Map(),
    budgets: new Map(),
    requests: [],
    last: { ...numbers, tick: 0, request: 0 },
    forwardedUpTo: 0,
  };
}
