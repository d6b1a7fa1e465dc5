import type { FleetView } from '../fleet-view.ts';
import type { RolloutState } from '../rollout-state.ts';

/** A rollout at one instant, as every gate sees it. */
export interface GateContext {
  readonly rollout: RolloutState;
  readonly fleet: FleetView;
  readonly nowMs: number;
  /** Hosts in flight, including those whose dispatch was decided with this context. */
  inFlight: number;
  /** What a gate has worked out for the whole rollout, for the next host. */
  readonly memo: Map<string, unknown>;
}

export function gateContextOf(rollout: RolloutState, fleet: FleetView, nowMs: number): GateContext {
  return { rollout, fleet, nowMs, inFlight: rollout.inFlight.size, memo: new Map() };
}

/** Worked out once per context. */
export function remember<T>(context: GateContext, key: string, work: () => T): T {
  if (!context.memo.has(key)) context.memo.set(key, work());
  return context.memo.get(key) as T;
}
