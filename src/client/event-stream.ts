/** Server-sent events, as far as `GET /v1/stream` uses them: `event`, `id` and one line of `data`; comments are skipped. */

export interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** A line longer than this is not one of Nexus. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024;

/** Yields each event once the blank line after it has come. Throws `RangeError` for an endless line. */
export async function* readServerSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields = new Map<string, string>();
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH) throw new RangeError('a line of the stream does not end');
    for (const line of lines) {
      if (line !== '') {
        const [, name = '', value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
        fields.set(name, value);
        continue;
      }
      const data = fields.get('data');
      if (data !== undefined) yield { event: fields.get('event') ?? 'message', id: fields.get('id') ?? '', data };
      fields = new Map();
    }
  }
}
