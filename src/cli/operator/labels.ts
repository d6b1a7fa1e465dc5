import { NexusError } from '../../domain/errors.ts';

function badLabel(text: string, forms: string): NexusError {
  return new NexusError('usage', `'${text}' is not a label: write ${forms}.`);
}

/** `role=web` → ['role', 'web']; only the first `=` separates, so that a value may contain more of them. */
function splitLabel(text: string): [string, string] | undefined {
  const at = text.indexOf('=');
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

/** One label, its key before its value. Throws `usage`. */
export function readLabel(text: string): [key: string, value: string] {
  const label = splitLabel(text);
  if (label === undefined) throw badLabel(text, 'KEY=VALUE, for example role=web');
  return label;
}

/** The labels of a repeated flag. No host has two values for one key: that is refused, not guessed. Throws `usage`. */
export function readLabels(texts: readonly string[]): Record<string, string> {
  const labels = new Map<string, string>();
  for (const [key, value] of texts.map(readLabel)) {
    const before = labels.get(key) ?? value;
    if (before !== value) {
      throw new NexusError(
        'usage',
        `${key}=${before} and ${key}=${value} contradict each other: a label has one value.`,
      );
    }
    labels.set(key, value);
  }
  return Object.fromEntries(labels);
}

/** The changes of `host label`: `role=web` sets, `role-` deletes (null). The same key twice is refused, not guessed. */
export function readLabelChanges(texts: readonly string[]): Record<string, string | null> {
  const changes = new Map<string, string | null>();
  for (const text of texts) {
    const deleted = /^([^=]+)-$/.exec(text)?.[1];
    const [key, value] = deleted === undefined ? (splitLabel(text) ?? [undefined, null]) : [deleted, null];
    if (key === undefined) {
      throw badLabel(text, 'KEY=VALUE to set it, for example role=web, or KEY- to delete it, for example role-');
    }
    if (changes.has(key)) {
      throw new NexusError('usage', `the label '${key}' is given twice: set it or delete it, once.`);
    }
    changes.set(key, value);
  }
  return Object.fromEntries(changes);
}
