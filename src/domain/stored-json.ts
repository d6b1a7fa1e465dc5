/**
 * Stored JSON, read strictly: a row is checked field by field before anything believes it, and it says in which version
 * of its form it was written.
 *
 *     row := {"v":<version>,<fields…>}        a row of version 0 carries no "v"
 *
 * Rows of an older version are upgraded in memory when they are read and keep their bytes on the disk until they are
 * written again. A new field comes as a new version: it enters the shape, a step gives older rows their value of it, and
 * `test/golden` keeps a database of the version before.
 */
import { messageOf, NexusError } from './errors.ts';

/**
 * Says what is wrong with a value ('waves.2.pending is not a whole number'), or null when it is a T. Writing it as a
 * check in place, and not as a copy, keeps the restart of a large fleet as fast as `JSON.parse`.
 */
export interface Shape<T> {
  (value: unknown): string | null;
  /** Never there: it ties the check to its type. */
  readonly checks?: T;
  /** Of a field: see {@link optional}. */
  readonly isOptional?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The mistake of a field, with the way to it. */
function at(name: string | number, mistake: string): string {
  return mistake.startsWith('is ') ? `${name} ${mistake}` : `${name}.${mistake}`;
}

export const text: Shape<string> = (value) => (typeof value === 'string' ? null : 'is not a text');

export const number: Shape<number> = (value) => (typeof value === 'number' ? null : 'is not a number');

/** From 0 up. */
export const wholeNumber: Shape<number> = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? null : 'is not a whole number';

export const flag: Shape<boolean> = (value) => (typeof value === 'boolean' ? null : 'is not true or false');

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? null : shape(value));
}

export function oneOf<T extends string>(values: readonly T[]): Shape<T> {
  const known = new Set<unknown>(values);
  return (value) => (known.has(value) ? null : `is not one of ${values.join(', ')}`);
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return 'is not a list';
    for (let index = 0; index < value.length; index += 1) {
      const mistake = shape(value[index]);
      if (mistake !== null) return at(index, mistake);
    }
    return null;
  };
}

/** Any names, each with a value of one shape. */
export function recordOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isObject(value)) return 'is not an object';
    for (const name of Object.keys(value)) {
      const mistake = shape(value[name]);
      if (mistake !== null) return at(name, mistake);
    }
    return null;
  };
}

/** A field that may be left out. Only {@link object} takes it. */
export function optional<T>(shape: Shape<T>): Shape<T> {
  return Object.assign((value: unknown) => shape(value), { isOptional: true } as const);
}

/** These fields and no others: one that is missing or unknown is a mistake. */
export function object<T extends object>(
  shapes: {
    readonly [K in keyof T]-?: Shape<Exclude<T[K], undefined>>;
  },
): Shape<T> {
  const entries = Object.entries<Shape<unknown>>(shapes);
  return (value) => {
    if (!isObject(value)) return 'is not an object';
    let count = entries.length;
    for (const [name, shape] of entries) {
      const mistake = shape(value[name]);
      if (mistake === null) continue;
      if (name in value || shape.isOptional !== true) return at(name, name in value ? mistake : 'is missing');
      count -= 1;
    }
    const names = Object.keys(value);
    if (names.length === count) return null;
    return `${names.find((name) => !Object.hasOwn(shapes, name))} is not known`;
  };
}

/** One shape for each value of the field `tag`. */
export function tagged<Tag extends string, T extends Readonly<Record<Tag, string>>>(
  tag: Tag,
  variants: { readonly [K in T[Tag]]: Shape<Extract<T, Readonly<Record<Tag, K>>>> },
): Shape<T> {
  const known: Readonly<Record<string, Shape<unknown>>> = variants;
  return (value) => {
    if (!isObject(value)) return 'is not an object';
    const name = value[tag];
    const shape = typeof name === 'string' && Object.hasOwn(known, name) ? known[name] : undefined;
    return shape === undefined ? `${tag} is not one of ${Object.keys(known).join(', ')}` : shape(value);
  };
}

/** Checks nothing: the field was checked by what chose this shape, or is checked elsewhere. */
export const anything: Shape<never> = () => null;

/** Between a version of a form and the next one; `back` is for comparing bytes with a row of the older version. */
export interface FormStep {
  readonly forward: (fields: Fields) => Fields;
  readonly back: (fields: Fields) => Fields;
}

/** From version 0 to version 1 the mark came, and no field changed. */
export const MARKED: FormStep = { forward: (fields) => fields, back: (fields) => fields };

function damaged(what: string, mistake: string): NexusError {
  return new NexusError(
    'store_unavailable',
    `a stored ${what} cannot be read (${mistake.startsWith('is ') ? 'it ' : ''}${mistake}): the database is damaged; ` +
      'stop Nexus, keep nexus.db aside and restore a backup',
  );
}

/**
 * Parses JSON that carries no version of its own, such as one column of a row: the version of the schema is its version.
 * `what` completes 'a stored …'. Throws `store_unavailable`.
 */
export function parseStored<T>(what: string, json: string, shape: Shape<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw damaged(what, messageOf(error));
  }
  const mistake = shape(value);
  if (mistake !== null) throw damaged(what, mistake);
  return value as T;
}

const MARK = /^\{"v":(\d+)([,}])/;

/** How one kind of value is stored. */
export class StoredForm<T extends object> {
  /** The version that is written now. */
  readonly version: number;
  readonly #what: string;
  readonly #shape: Shape<T>;
  readonly #steps: readonly FormStep[];

  /** `what` completes 'a stored …'; `steps` lead from version 0 to the one that is written. */
  constructor(what: string, shape: Shape<T>, steps: readonly FormStep[]) {
    this.#what = what;
    this.#shape = shape;
    this.#steps = steps;
    this.version = steps.length;
  }

  encode(value: T): string {
    return mark(JSON.stringify(value), this.version);
  }

  /** Throws `store_unavailable` on a row of a newer version, and on one that is damaged. */
  parse(row: string): T {
    const { version, fields } = this.#read(row);
    let upgraded = fields;
    for (const step of this.#steps.slice(version)) upgraded = step.forward(upgraded);
    const mistake = this.#shape(upgraded);
    if (mistake !== null) throw damaged(this.#what, mistake);
    return upgraded as T;
  }

  /** Whether the row is what this value is stored as in the row's own version, byte for byte. Throws as {@link parse}. */
  isRowOf(row: string, value: T): boolean {
    const { version } = this.#read(row);
    let fields = value as Fields;
    for (const step of this.#steps.slice(version).toReversed()) fields = step.back(fields);
    return row === mark(JSON.stringify(fields), version);
  }

  #read(row: string): { readonly version: number; readonly fields: Fields } {
    const [marked = '', digits = '0', next] = MARK.exec(row) ?? [];
    const version = Number(digits);
    if (version > this.version) {
      throw new NexusError(
        'store_unavailable',
        `a stored ${this.#what} has version ${version}, and this Nexus reads versions up to ${this.version}: ` +
          'a newer Nexus wrote it; start that one again, or restore the backup made before the upgrade',
      );
    }
    try {
      // Without its mark, so that the object has the fields of a value that was never stored, and no others.
      const fields: unknown = JSON.parse(
        marked === '' ? row : `{${next === '}' ? '}' : ''}${row.slice(marked.length)}`,
      );
      if (isObject(fields)) return { version, fields };
    } catch (error) {
      throw damaged(this.#what, messageOf(error));
    }
    throw damaged(this.#what, 'is not an object');
  }
}

function mark(json: string, version: number): string {
  if (version === 0) return json;
  return json === '{}' ? `{"v":${version}}` : `{"v":${version},${json.slice(1)}`;
}
