import type { Commands } from '../domain/ports.ts';
import type { BudgetView, RolloutQueries } from '../domain/rollout-queries.ts';
import {
  type BudgetBody,
  budgetBodySchema,
  budgetListBodySchema,
  budgetPathSchema,
  setBudgetSchema,
} from '../wire/budget.ts';
import { parseWith } from '../wire/problem.ts';
import { json } from './answer.ts';
import { readBody, requireValid } from './read-body.ts';
import type { Exchange, Route } from './route.ts';

function presentBudget({ budget, changing }: BudgetView): BudgetBody {
  const { label, value, maxInFlight } = budget;
  return { label, value, max_in_flight: maxInFlight, changing: [...changing] };
}

/** The label that the path names. Throws `invalid`. */
function readLabel({ params }: Exchange): { readonly label: string; readonly value: string } {
  return requireValid(parseWith(budgetPathSchema, params['budget'] ?? ''));
}

export function budgetRoutes(commands: Commands, queries: RolloutQueries): Route[] {
  const path = '/v1/budgets/:budget';
  return [
    {
      method: 'GET',
      path: '/v1/budgets',
      access: 'operator',
      scope: 'read',
      summary: 'List the budgets of labels, and the hosts that take up a place in each.',
      answerSchema: budgetListBodySchema,
      status: 200,
      handle: async () => json(200, { budgets: (await queries.budgets()).map(presentBudget) }),
    },
    {
      method: 'GET',
      path,
      access: 'operator',
      scope: 'read',
      summary: 'Show the budget of a label, which the path names as LABEL=VALUE.',
      answerSchema: budgetBodySchema,
      status: 200,
      async handle(exchange) {
        const { label, value } = readLabel(exchange);
        return json(200, presentBudget(await queries.budget(label, value)));
      },
    },
    {
      method: 'PUT',
      path,
      access: 'operator',
      scope: 'admin',
      summary: 'Let at most so many hosts of a label change at once, whatever the rollouts.',
      requestSchema: setBudgetSchema,
      answerSchema: budgetBodySchema,
      status: 200,
      async handle(exchange) {
        const budget = readLabel(exchange);
        const { max_in_flight: maxInFlight } = await readBody(exchange, setBudgetSchema);
        await commands.submit({ kind: 'set_budget', budget: { ...budget, maxInFlight }, nowMs: exchange.nowMs });
        return json(200, presentBudget(await queries.budget(budget.label, budget.value)));
      },
    },
    {
      method: 'DELETE',
      path,
      access: 'operator',
      scope: 'admin',
      summary: 'Remove the budget of a label; answers with what it was.',
      answerSchema: budgetBodySchema,
      status: 200,
      async handle(exchange) {
        const { label, value } = readLabel(exchange);
        const view = await queries.budget(label, value);
        await commands.submit({ kind: 'remove_budget', label, value, nowMs: exchange.nowMs });
        return json(200, presentBudget(view));
      },
    },
  ];
}
