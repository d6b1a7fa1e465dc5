import type { EventDraft, Phase, Plan } from './stack-record.ts';

/** A durable step forward: the phase and the events that report it are written together. */
export interface Advance {
  readonly do: 'advance';
  readonly phase: Phase;
  readonly events: readonly EventDraft[];
  readonly plan?: Plan;
}
