/**
 * A budget: how many hosts of one label may change at once, whatever the rollouts. A host changes while a rollout
 * occupies it: from the offer until it has converged, or until a failed release is rolled back.
 */
import { type Labels, matchesAll } from './host.ts';

export interface Budget {
  readonly label: string;
  readonly value: string;
  /** At least 1. */
  readonly maxInFlight: number;
}

/** Every dispatch looks at all of them. */
export const BUDGET_LIMITS = { maxBudgets: 128 } as const;

/** `role=web`: what a budget is called wherever it is shown. */
export function budgetName({ label, value }: Pick<Budget, 'label' | 'value'>): string {
  return `${label}=${value}`;
}

export function isOfBudget({ label, value }: Pick<Budget, 'label' | 'value'>, labels: Labels): boolean {
  return matchesAll(labels, { [label]: value });
}
