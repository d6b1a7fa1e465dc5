import { asObject, objectAt, parseJson, textAt } from '../read-json.ts';

/** What an event means for the list of containers. */
export type EngineEvent =
  | { readonly kind: 'changed'; readonly containerId: string }
  | { readonly kind: 'removed'; readonly containerId: string };

/**
 * The events that change what is reported about a container. The engine filters `exec_*`, `top`, `attach` and the like
 * out, so that a health check every second costs nothing.
 */
export const EVENT_FILTERS = JSON.stringify({
  type: ['container', 'network'],
  event: [
    'create',
    'start',
    'die',
    'pause',
    'unpause',
    'rename',
    'update',
    'destroy',
    'health_status',
    'connect',
    'disconnect',
  ],
});

/** Reads one line of `GET /events`; null for an event that does not concern a container. */
export function parseEngineEvent(line: string): EngineEvent | null {
  const event = asObject(parseJson(line));
  const actor = objectAt(event, 'Actor');
  const type = textAt(event, 'Type');
  if (type === 'network') {
    const containerId = textAt(objectAt(actor, 'Attributes'), 'container');
    return containerId === null ? null : { kind: 'changed', containerId };
  }
  const containerId = textAt(actor, 'ID');
  if (type !== 'container' || containerId === null) return null;
  return { kind: textAt(event, 'Action') === 'destroy' ? 'removed' : 'changed', containerId };
}
