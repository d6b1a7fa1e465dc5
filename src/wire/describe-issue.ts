/**
 * What a schema found wrong, in words for a person: the predicate of a sentence whose subject is the field. Zod's own
 * words ("Too small: expected number to be >=1") are for its programmer and are never shown. A message that a schema
 * gives itself comes first; it is written as a predicate as well.
 */
import type * as z from 'zod';
import { quote } from '../domain/words.ts';

/** One broken rule: `path` is dotted (`containers.3.name`, empty for the body itself). */
export interface FieldError {
  readonly path: string;
  /** Completes a sentence about the field: `must be at least 1`, `is missing`. */
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

const MISSING = 'is missing';

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  map: 'an object',
  null: 'null',
  undefined: 'left out',
  never: 'left out',
};

const FORMATS: Readonly<Record<string, string>> = {
  url: 'a URL',
  email: 'an email address',
  uuid: 'a UUID',
  datetime: 'an ISO 8601 time',
  date: 'an ISO 8601 date',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'base64',
};

/** `'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`. */
function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function describeType(expected: string, input: unknown): string {
  if (input === undefined) return MISSING;
  if (typeof input === 'number' && !Number.isFinite(input)) return 'must be a finite number';
  return `must be ${TYPES[expected] ?? 'of another type'}`;
}

/** The unit in which a value of `origin` is counted; undefined for a number, which is compared itself. */
function unitOf(origin: string, count: number | bigint): string | undefined {
  const isOne = Number(count) === 1;
  if (origin === 'string') return isOne ? 'character' : 'characters';
  return ['array', 'set', 'map', 'object', 'record'].includes(origin) ? (isOne ? 'entry' : 'entries') : undefined;
}

function describeMinimum({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  const unit = unitOf(origin, minimum);
  if (unit === undefined) return `must be ${inclusive === false ? 'greater than' : 'at least'} ${minimum}`;
  return Number(minimum) === 1 ? 'must not be empty' : `must have at least ${minimum} ${unit}`;
}

function describeMaximum({ origin, maximum, inclusive }: z.core.$ZodIssueTooBig): string {
  const unit = unitOf(origin, maximum);
  if (unit === undefined) return `must be ${inclusive === false ? 'less than' : 'at most'} ${maximum}`;
  return `must have at most ${maximum} ${unit}`;
}

function describeFormat(issue: z.core.$ZodIssueInvalidStringFormat): string {
  const { format } = issue;
  if ('prefix' in issue) return `must start with ${quote(String(issue.prefix))}`;
  if ('suffix' in issue) return `must end with ${quote(String(issue.suffix))}`;
  if ('includes' in issue) return `must contain ${quote(String(issue.includes))}`;
  return `must be ${FORMATS[format] ?? 'written in another form'}`;
}

function describeUnknownFields(keys: readonly string[]): string {
  return `has the unknown field${keys.length === 1 ? '' : 's'} ${keys.map(quote).join(', ')}`;
}

/** The message of an issue whose schema has none of its own. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue.expected, issue.input);
    case 'invalid_value':
      return issue.input === undefined
        ? MISSING
        : `must be ${alternatives(issue.values.map((one) => quote(String(one))))}`;
    case 'too_small':
      return describeMinimum(issue as z.core.$ZodIssueTooSmall);
    case 'too_big':
      return describeMaximum(issue as z.core.$ZodIssueTooBig);
    case 'invalid_format':
      return describeFormat(issue as z.core.$ZodIssueInvalidStringFormat);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return describeUnknownFields(issue.keys);
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? `must be ${alternatives(issue.options.map((one) => quote(String(one))))}`
        : 'must have another form';
    default:
      // Keys and elements are described by the issues inside; a custom rule without words of its own says this.
      return 'is not valid';
  }
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function isMissing(issue: Issue | undefined): boolean {
  return issue !== undefined && issue.path.length === 1 && issue.message === MISSING;
}

/**
 * What is wrong with a value that could have several forms: the rules of the form it comes nearest to, by the number of
 * rules that it breaks. Where it is as near to several, the fields that would decide are named.
 */
function describeUnion(forms: readonly (readonly Issue[])[], path: readonly PropertyKey[]): FieldError[] {
  const fewest = Math.min(...forms.map((issues) => issues.length));
  const nearest = forms.filter((issues) => issues.length === fewest);
  const [first = []] = nearest;
  if (nearest.length > 1 && fewest === 1) {
    const single = nearest.map(([issue]) => issue);
    if (single.every(isMissing)) {
      const fields = single.map((issue) => quote(pathOf(issue?.path ?? [])));
      return [{ path: pathOf(path), message: `must have one of the fields ${alternatives(fields)}` }];
    }
    const unknown = single.flatMap((issue) => (issue?.code === 'unrecognized_keys' ? issue.keys : []));
    if (unknown.length === nearest.length) {
      return [
        {
          path: pathOf(path),
          message: `must have only one of the fields ${alternatives(unknown.toSorted().map(quote))}`,
        },
      ];
    }
  }
  return first.flatMap((issue) => fieldErrorsOf({ ...issue, path: [...path, ...issue.path] }));
}

/** The rules that an issue stands for. Its messages must come from {@link describeIssue} or from a schema. */
export function fieldErrorsOf(issue: Issue): FieldError[] {
  const path = pathOf(issue.path);
  switch (issue.code) {
    case 'invalid_union':
      return issue.errors.length === 0 ? [{ path, message: issue.message }] : describeUnion(issue.errors, issue.path);
    case 'invalid_key':
      return [
        { path, message: `is not a valid name here: it ${issue.issues.map(({ message }) => message).join(', and ')}` },
      ];
    case 'invalid_element':
      return issue.issues.flatMap((inner) => fieldErrorsOf({ ...inner, path: [...issue.path, ...inner.path] }));
    default:
      return [{ path, message: issue.message }];
  }
}
