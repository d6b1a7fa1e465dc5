/** The YAML of Compose files. */
import { isNode, parseDocument, Scalar, visit, YAMLMap } from 'yaml';
import { messageOf, NexusError } from '../../../domain/errors.ts';
import { quote } from '../../../domain/words.ts';

export type Mapping = Readonly<Record<string, unknown>>;

/** What `!reset` stands for: the value of an earlier file is taken away. */
export const RESET: unique symbol = Symbol('reset');
/** Holds what `!override` stands before: it replaces the value of an earlier file instead of being merged into it. */
const OVERRIDE = '!override';

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A mapping's value, or an empty one where it is left out or something else. */
export function mappingOf(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

export function isOverride(value: unknown): boolean {
  return isMapping(value) && Object.hasOwn(value, OVERRIDE);
}

export function withoutOverride(value: unknown): unknown {
  return isMapping(value) && Object.hasOwn(value, OVERRIDE) ? value[OVERRIDE] : value;
}

/** Throws `invalid` where the text is not YAML; `name` is the file's. */
export function parseComposeFile(text: string, name: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true, merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw new NexusError('invalid', `${quote(name)} is not YAML: ${error.message}`);
  visit(document, {
    Node(_, node) {
      if (!isNode(node)) return undefined;
      if (node.tag === '!reset') return new Scalar(RESET);
      if (node.tag !== '!override') return undefined;
      delete node.tag;
      const wrapper = new YAMLMap(document.schema);
      wrapper.set(OVERRIDE, node);
      return wrapper;
    },
  });
  try {
    // Aliases may unfold without end.
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    throw new NexusError('invalid', `${quote(name)} is not usable YAML: ${messageOf(cause)}`, { cause });
  }
}
