import { type Budget, budgetName, isOfBudget } from '../../domain/budget.ts';
import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import { type GateContext, remember } from './gate-context.ts';

/** Limits how many hosts of one label change at once, whatever the rollouts that change them. */
export function checkBudget(context: GateContext, { name }: RolloutHost): Holding | null {
  const labels = context.fleet.host(name)?.labels ?? {};
  for (const budget of context.fleet.budgets()) {
    if (!isOfBudget(budget, labels)) continue;
    const { label, value, maxInFlight } = budget;
    const changing = changingUnder(context, budget);
    // A host that another stack's rollout is changing takes up its place already.
    const [first] = changing;
    if (first === undefined || changing.size < maxInFlight || changing.has(name)) continue;
    return holding({ gate: 'budget', label, value, maxInFlight, first, others: changing.size - 1 });
  }
  return null;
}

/** Takes up the places of a host whose dispatch was decided with this context. */
export function takePlaces(context: GateContext, name: string): void {
  const labels = context.fleet.host(name)?.labels ?? {};
  for (const budget of context.fleet.budgets()) {
    if (isOfBudget(budget, labels)) changingUnder(context, budget).add(name);
  }
}

/** The hosts of a budget that change now. */
function changingUnder(context: GateContext, budget: Budget): Set<string> {
  return remember(context, `changing under ${budgetName(budget)}`, () => {
    const names = new Set<string>();
    for (const name of context.fleet.changing()) {
      if (isOfBudget(budget, context.fleet.host(name)?.labels ?? {})) names.add(name);
    }
    return names;
  });
}
