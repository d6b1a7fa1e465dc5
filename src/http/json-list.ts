/** A JSON object that ends in a list: written in one go when it is short, block by block as it is read when it is long. */
import { type Answer, json } from './answer.ts';

/** Up to here the text is a few hundred kilobytes: writing it at once saves turns of the event loop. */
const LONG_LIST = 2_000;
const ITEMS_PER_BLOCK = 256;

function* writeBlocks<T>(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  items: readonly T[],
  present: (item: T) => unknown,
): Generator<string> {
  yield `${JSON.stringify({ ...fields, [name]: [] }).slice(0, -2)}`;
  for (let at = 0; at < items.length; at += ITEMS_PER_BLOCK) {
    const block = JSON.stringify(items.slice(at, at + ITEMS_PER_BLOCK).map(present)).slice(1, -1);
    yield at === 0 ? block : `,${block}`;
  }
  yield ']}';
}

/** 200 with `{...fields, [name]: [present(item), …]}`. */
export function jsonList<T>(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  items: readonly T[],
  present: (item: T) => unknown,
): Answer {
  if (items.length <= LONG_LIST) return json(200, { ...fields, [name]: items.map(present) });
  const headers = { 'content-type': 'application/json' };
  return { status: 200, headers, pieces: writeBlocks(fields, name, items, present) };
}
