import canonicalize from 'canonicalize';
import { messageOf, NexusError } from '../domain/errors.ts';

/** Engines keep keys that are numbers in the order of those numbers, whatever the order in which they were set. */
const NUMBER_LIKE = /^\d/;

/** A copy whose keys are in order, so that JSON.stringify makes its canonical text; undefined when the library must say. */
function inOrder(value: unknown): unknown {
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return listInOrder(value);
  return typeof value === 'object' && !('toJSON' in value) ? fieldsInOrder(value) : undefined;
}

function listInOrder(list: readonly unknown[]): unknown[] | undefined {
  const copy: unknown[] = [];
  for (const entry of list) {
    const ordered = inOrder(entry);
    if (ordered === undefined) return undefined;
    copy.push(ordered);
  }
  return copy;
}

function fieldsInOrder(fields: object): object | undefined {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(fields).sort()) {
    const ordered = inOrder((fields as Record<string, unknown>)[key]);
    if (ordered === undefined || NUMBER_LIKE.test(key) || key === '__proto__' || !key.isWellFormed()) return undefined;
    copy[key] = ordered;
  }
  return copy;
}

/**
 * RFC 8785: the same text for the same JSON value, whatever the order of its keys. Throws `invalid` for what has none, as
 * half of a surrogate pair.
 */
export function canonicalText(value: unknown): string {
  const ordered = inOrder(value);
  if (ordered !== undefined) return JSON.stringify(ordered);
  try {
    return canonicalize(value) ?? '';
  } catch (error) {
    const message = `has no canonical form, as RFC 8785 knows it: ${messageOf(error)}`;
    throw new NexusError('invalid', message, { cause: error });
  }
}
