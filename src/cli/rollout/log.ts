import type { NexusClient } from '../../client/nexus-client.ts';
import { agentEventOf, textOf } from '../../explain/log-entry.ts';
import type { LogEventBody } from '../../wire/operator.ts';

/** Yields a rollout's log page by page from `cursor.after` to its present end, moving the cursor along. */
export async function* logPages(client: NexusClient, id: string, cursor: { after: number }) {
  for (;;) {
    const page = await client.readRolloutEvents(id, { after: cursor.after });
    if (page.events.length > 0) yield page.events;
    if (page.next <= cursor.after) return;
    cursor.after = page.next;
  }
}

/** Tells changes from repetitions: agents report the result of a probe again and again, and only a change is news. */
export class RepetitionFilter {
  readonly #statuses = new Map<string, string>();

  isNews(entry: LogEventBody): boolean {
    const event = agentEventOf(entry);
    if (event?.type !== 'probe_result') return true;
    const probe = JSON.stringify([entry.host, textOf(event.fields, 'probe')]);
    const status = textOf(event.fields, 'status') ?? '';
    const before = this.#statuses.get(probe);
    this.#statuses.set(probe, status);
    return before !== status;
  }
}
