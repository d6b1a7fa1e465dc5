/** What a gate is: it lets one pending host of one rollout pass, or says why not. */
import type { Hold, RolloutHost } from '../../domain/rollout.ts';
import type { RolloutView } from '../evolve.ts';
import type { FleetView } from '../fleet-view.ts';

/** A hold, and what may lift it apart from news about the host itself. */
export interface Holding extends Hold {
  /** Ask again at this time even when nothing has happened; null: only news can lift it. */
  readonly wakeAtMs: number | null;
  /** Ask again when this other host of the rollout has converged, left, or changed; null: it waits for no host. */
  readonly waitsFor: string | null;
}

/** One moment of a rollout, as every gate sees it. */
export interface GateContext {
  readonly rollout: RolloutView & {
    readonly hosts: ReadonlyMap<string, RolloutHost>;
    readonly pending: readonly ReadonlySet<string>[];
    readonly inFlight: ReadonlySet<string>;
  };
  readonly fleet: FleetView;
  readonly nowMs: number;
  /** Hosts in flight, with those that were decided on a moment ago. */
  inFlight: number;
  /** What a gate has worked out for the whole rollout, so that the next host need not. */
  readonly memo: Map<string, unknown>;
}

/** `rollout`: what it says of one host it says of every other, so nobody else need be asked. */
export type Gate =
  | { readonly scope: 'rollout'; readonly check: (scene: GateContext) => Holding | null }
  | { readonly scope: 'host'; readonly check: (scene: GateContext, host: RolloutHost) => Holding | null };

export function hold(gate: string, reason: string): Holding {
  return { gate, reason, wakeAtMs: null, waitsFor: null };
}

export function holdUntil(gate: string, reason: string, wakeAtMs: number): Holding {
  return { gate, reason, wakeAtMs, waitsFor: null };
}

export function gateContextOf(rollout: GateContext['rollout'], fleet: FleetView, nowMs: number): GateContext {
  return { rollout, fleet, nowMs, inFlight: rollout.inFlight.size, memo: new Map() };
}

/** Worked out once per scene. */
export function remember<T>(scene: GateContext, key: string, work: () => T): T {
  if (!scene.memo.has(key)) scene.memo.set(key, work());
  return scene.memo.get(key) as T;
}
