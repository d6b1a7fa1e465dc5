/** `/v1/budgets`: how many hosts of a label may change at once. */
import * as z from 'zod';
import { ROLLOUT_LIMITS } from '../domain/rollout.ts';
import { labelKey, labelValue } from './operator.ts';

/** `{label}={value}` as the last part of a path, split at its first '='. */
export const budgetPathSchema = z
  .string()
  .transform((text) => {
    const at = text.indexOf('=');
    return { label: text.slice(0, Math.max(0, at)), value: text.slice(at + 1) };
  })
  .pipe(z.object({ label: labelKey, value: labelValue }));

/** `PUT /v1/budgets/{label}={value}`. */
export const setBudgetSchema = z.strictObject({ max_in_flight: z.int().min(1).max(ROLLOUT_LIMITS.maxHosts) });
export type SetBudgetBody = z.input<typeof setBudgetSchema>;

export const budgetBodySchema = z.object({
  label: z.string(),
  value: z.string(),
  max_in_flight: z.number(),
  /** Names of the hosts that take up a place now. */
  changing: z.array(z.string()),
});
export type BudgetBody = z.output<typeof budgetBodySchema>;

export const budgetListBodySchema = z.object({ budgets: z.array(budgetBodySchema) });
export type BudgetListBody = z.output<typeof budgetListBodySchema>;
