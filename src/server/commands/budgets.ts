import { BUDGET_LIMITS, type Budget, budgetName } from '../../domain/budget.ts';
import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';
import type { State } from '../state/state.ts';

/** Setting a budget to what it is changes nothing and is not logged. Throws `invalid` when there would be too many. */
export function setBudget(
  { index, driver, changes }: State,
  { budget, nowMs }: CommandOf<'set_budget'>,
): Outcomes['set_budget'] {
  const { label, value, maxInFlight } = budget;
  const known = index.budget(budgetName(budget));
  if (known?.maxInFlight === maxInFlight) return { budget: known };
  if (known === undefined && index.budgetCount >= BUDGET_LIMITS.maxBudgets) {
    throw new NexusError('invalid', `there can be at most ${BUDGET_LIMITS.maxBudgets} budgets: remove one first`);
  }
  index.putBudget(budget);
  changes.write({ kind: 'save_budget', budget });
  const data = { label, value, max_in_flight: maxInFlight };
  changes.log({ atMs: nowMs, kind: 'budget_set', host: null, rolloutId: null, data });
  driver.touchBudget(budget);
  return { budget };
}

/** Throws `not_found`. */
export function findBudget(index: RolloutIndex, label: string, value: string): Budget {
  const name = budgetName({ label, value });
  const budget = index.budget(name);
  if (budget !== undefined) return budget;
  throw new NexusError('not_found', `there is no budget '${name}': 'nexus budget list' lists those there are`);
}

/** Throws `not_found`. */
export function removeBudget(
  { index, driver, changes }: State,
  { label, value, nowMs }: CommandOf<'remove_budget'>,
): Outcomes['remove_budget'] {
  const budget = findBudget(index, label, value);
  index.dropBudget(budget);
  changes.write({ kind: 'delete_budget', label, value });
  changes.log({ atMs: nowMs, kind: 'budget_removed', host: null, rolloutId: null, data: { label, value } });
  driver.touchBudget(budget);
  return { budget };
}
