import * as z from 'zod';
import { describeIssue, type FieldError, fieldErrorsOf } from './describe-issue.ts';

export type { FieldError } from './describe-issue.ts';

/** RFC 9457 problem details: the body of every error of the API, except of 401 on the agent API, which has none. */
export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** More would only repeat: a client corrects the first ones and asks again. */
export const MAX_FIELD_ERRORS = 20;

/** The value, or the rules it breaks. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Reads `input` with `schema`; never throws on input. */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(input, { error: describeIssue });
  if (result.success) return { ok: true, value: result.data };
  const errors = result.error.issues.slice(0, MAX_FIELD_ERRORS).flatMap(fieldErrorsOf);
  return { ok: false, errors: errors.slice(0, MAX_FIELD_ERRORS) };
}
