import type { LaterEntry } from './rollout-state.ts';

/** What deciding comes to: entries that are applied together, in their order, or why nothing changes, as a sentence. */
export type Decision =
  | { readonly ok: true; readonly entries: readonly LaterEntry[] }
  | { readonly ok: false; readonly refusal: string };

export function refuse(refusal: string): Decision {
  return { ok: false, refusal };
}
