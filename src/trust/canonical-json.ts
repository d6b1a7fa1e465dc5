import canonicalize from 'canonicalize';
import { messageOf, NexusError } from '../domain/errors.ts';

type Plain = string | number | boolean | null;

function isPlain(value: unknown): value is Plain {
  return typeof value === 'string' ? value.isWellFormed() : value === null || typeof value !== 'object';
}

/** Nothing but an object of texts, numbers, booleans and nulls, as nearly every event is. */
function isFlat(value: object): boolean {
  return !Array.isArray(value) && Object.entries(value).every(([key, item]) => key.isWellFormed() && isPlain(item));
}

/**
 * RFC 8785: the same text for the same JSON value, whatever the order of its keys. Of a flat object it is what
 * JSON.stringify makes of its keys in order. Throws `invalid` for what has none, as half of a surrogate pair.
 */
export function canonicalText(value: unknown): string {
  if (typeof value === 'object' && value !== null && isFlat(value)) {
    return JSON.stringify(value, Object.keys(value).sort());
  }
  try {
    return canonicalize(value) ?? '';
  } catch (error) {
    const message = `has no canonical form, as RFC 8785 knows it: ${messageOf(error)}`;
    throw new NexusError('invalid', message, { cause: error });
  }
}
