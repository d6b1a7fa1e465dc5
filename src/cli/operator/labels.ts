import { NexusError } from '../../domain/errors.ts';

function badLabel(text: string, forms: string): NexusError {
  return new NexusError('usage', `'${text}' is no label: write ${forms}.`);
}

/** `role=web` → ['role', 'web']; only the first `=` separates, so that a value may hold more of them. */
function readAssignment(text: string): [string, string] | undefined {
  const at = text.indexOf('=');
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : undefined;
}

/** The values of `--label`. The last one of a key counts, as with every repeated flag. */
export function readLabels(texts: readonly string[]): Record<string, string> {
  const labels: [string, string][] = [];
  for (const text of texts) {
    const label = readAssignment(text);
    if (label === undefined) throw badLabel(text, 'KEY=VALUE, like role=web');
    labels.push(label);
  }
  return Object.fromEntries(labels);
}

/** The changes of `host label`: `role=web` sets, `role-` deletes (null). The same key twice is refused, not guessed at. */
export function readLabelChanges(texts: readonly string[]): Record<string, string | null> {
  const changes = new Map<string, string | null>();
  for (const text of texts) {
    const deleted = /^([^=]+)-$/.exec(text)?.[1];
    const [key, value] = deleted === undefined ? (readAssignment(text) ?? [undefined, null]) : [deleted, null];
    if (key === undefined) throw badLabel(text, 'KEY=VALUE to set it, like role=web, or KEY- to delete it, like role-');
    if (changes.has(key)) throw new NexusError('usage', `the label ${key} is given twice: say once what it shall be.`);
    changes.set(key, value);
  }
  return Object.fromEntries(changes);
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(' ');
}
