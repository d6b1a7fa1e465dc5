/** Reads parsed JSON from outside step by step: every function returns null for a value of another shape. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** The value as an object (not an array), or null. */
export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

/** The value as an array; anything else is an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function own(parent: JsonObject | null, key: string): unknown {
  return parent !== null && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

export function objectAt(parent: JsonObject | null, key: string): JsonObject | null {
  return asObject(own(parent, key));
}

export function arrayAt(parent: JsonObject | null, key: string): readonly unknown[] {
  return asArray(own(parent, key));
}

/** A string that is not empty. */
export function textAt(parent: JsonObject | null, key: string): string | null {
  const value = own(parent, key);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A finite number. */
export function numberAt(parent: JsonObject | null, key: string): number | null {
  const value = own(parent, key);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Parses JSON; null when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
