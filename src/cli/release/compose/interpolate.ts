/** Variables in Compose files, by the rules of the Compose specification. */

export interface Interpolation {
  readonly text: string;
  /** Variables that have no value and no default: they stand for an empty text. */
  readonly unset: readonly string[];
  /** Every variable that is named, whether it has a value or not. */
  readonly named: readonly string[];
  /** A `${` is followed by what cannot be a variable, which Compose refuses. */
  readonly isMalformed: boolean;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const OPERATION = /^(?<ifEmpty>:?)(?<sign>[-+?])/;

/** Puts values in for `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+instead}` and `${NAME:?message}`. */
export function interpolate(text: string, env: Readonly<Record<string, string>>): Interpolation {
  const unset: string[] = [];
  const named: string[] = [];
  let isMalformed = false;
  let result = '';
  let rest = text;
  const nested = (word: string): string => {
    const inner = interpolate(word, env);
    unset.push(...inner.unset);
    named.push(...inner.named);
    isMalformed ||= inner.isMalformed;
    return inner.text;
  };
  const resolve = (name: string, operation: string): string => {
    named.push(name);
    const value = env[name];
    const { ifEmpty, sign } = OPERATION.exec(operation)?.groups ?? {};
    const isSet = value !== undefined && !(ifEmpty === ':' && value === '');
    const word = operation.slice((ifEmpty?.length ?? 0) + 1);
    if (sign === '-') return isSet ? value : nested(word);
    if (sign === '+') return isSet ? nested(word) : '';
    if (!isSet) unset.push(name);
    return value ?? '';
  };
  for (;;) {
    const at = rest.indexOf('$');
    if (at === -1) break;
    result += rest.slice(0, at);
    rest = rest.slice(at + 1);
    if (rest.startsWith('$')) {
      result += '$';
      rest = rest.slice(1);
      continue;
    }
    const isBraced = rest.startsWith('{');
    const end = isBraced ? closingBrace(rest) : 0;
    const body = isBraced ? rest.slice(1, end) : rest;
    const name = NAME.exec(body)?.[0];
    const operation = isBraced && name !== undefined ? body.slice(name.length) : '';
    if (name === undefined || end === -1 || (operation !== '' && !OPERATION.test(operation))) {
      // `$(date)` and `$1` are for a shell.
      isMalformed ||= isBraced;
      result += '$';
      continue;
    }
    result += resolve(name, operation);
    rest = rest.slice(isBraced ? end + 1 : name.length);
  }
  return { text: result + rest, unset, named, isMalformed };
}

/** Index of the brace that closes the one at 0; -1 where there is none. */
function closingBrace(text: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === '{') depth += 1;
    if (text[index] === '}') depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}
