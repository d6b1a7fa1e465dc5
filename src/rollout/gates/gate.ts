/** What a gate is: it lets one pending host of one rollout pass, or says what holds it. */
import type { RolloutHost } from '../../domain/rollout.ts';
import type { GateContext } from './gate-context.ts';
import type { Hold } from './hold.ts';

/** A hold, and what may lift it apart from news about the host itself. */
export interface Holding {
  readonly hold: Hold;
  /** Ask again at this time even when nothing has happened; null: only news can lift it. */
  readonly wakeAtMs: number | null;
  /** Ask again when this other host of the rollout has converged, left, or changed; null: it waits for no host. */
  readonly waitsFor: string | null;
}

/** `rollout`: what it says of one host it says of every other, so no other need be asked about. */
export type Gate =
  | { readonly scope: 'rollout'; readonly check: (context: GateContext) => Hold | null }
  | { readonly scope: 'host'; readonly check: (context: GateContext, host: RolloutHost) => Holding | null };

/** Only news about the host lifts it. */
export function holding(hold: Hold): Holding {
  return { hold, wakeAtMs: null, waitsFor: null };
}
