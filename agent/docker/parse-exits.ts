import { asObject, objectAt, parseJson, textAt } from '../read-json.ts';

/**
 * Reads `die` events as `GET /events` prints them, one JSON document a line: exit codes by container id, the latest one
 * last. Lines of another form are left out.
 */
export function parseExits(text: string): Map<string, number[]> {
  const exits = new Map<string, number[]>();
  for (const line of text.split('\n')) {
    const actor = objectAt(asObject(parseJson(line)), 'Actor');
    const id = textAt(actor, 'ID');
    const exitCode = textAt(objectAt(actor, 'Attributes'), 'exitCode') ?? '';
    if (id !== null && /^\d+$/.test(exitCode)) exits.set(id, [...(exits.get(id) ?? []), Number(exitCode)]);
  }
  return exits;
}
