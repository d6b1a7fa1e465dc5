import type { NexusClient } from '../../client/nexus-client.ts';
import { agentEventOf, eventWords, textOf } from '../../explain/log-entry.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { printable } from '../terminal/printable.ts';
import { UNKNOWN } from '../terminal/quantity.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';

const HOST_WIDTH = 20;

/** One entry of a rollout's log as a line: when, which host, what happened. */
export function logLine(terminal: Terminal, event: LogEventBody, time: string): string {
  const { text, style } = eventWords(event);
  const words = printable(text);
  const host = printable(event.host ?? UNKNOWN).padEnd(HOST_WIDTH);
  return `${time}  ${host}  ${style === undefined ? words : paint(terminal, style, words)}`.trimEnd();
}

/** Yields the log page by page from `cursor.after` to its end as it is now, moving the cursor along. */
export async function* logPages(client: NexusClient, id: string, cursor: { after: number }) {
  for (;;) {
    const page = await client.readRolloutEvents(id, { after: cursor.after });
    if (page.events.length > 0) yield page.events;
    if (page.next <= cursor.after) return;
    cursor.after = page.next;
  }
}

/** Tells changes from repetitions: agents report a probe again and again, and only a turn is news. */
export class News {
  readonly #probes = new Map<string, string>();

  isNews(event: LogEventBody): boolean {
    const fact = agentEventOf(event);
    if (fact?.type !== 'probe_result') return true;
    const key = JSON.stringify([event.host, textOf(fact.fields, 'probe')]);
    const status = textOf(fact.fields, 'status') ?? '';
    const before = this.#probes.get(key);
    this.#probes.set(key, status);
    return before !== status;
  }
}
