/**
 * What a request costs before anything is done about it: node:http that reads the body and answers 204, as much of the
 * way as its argument says. `nothing`: the bytes only. `parse`: as JSON. `validate-telemetry`, `validate-event`: with the
 * schema of that route.
 */
import { createServer } from 'node:http';
import { agentEventSchema } from '../../../src/wire/agent-event.ts';
import { parseTelemetry } from '../../../src/wire/telemetry.ts';

const LEVELS: Readonly<Record<string, (text: string) => boolean>> = {
  nothing: () => true,
  parse: (text) => JSON.parse(text) !== null,
  'validate-telemetry': (text) => parseTelemetry(JSON.parse(text), Date.now()).ok,
  'validate-event': (text) => agentEventSchema.safeParse(JSON.parse(text)).success,
};

/** Between two turns of a benchmark nothing is asked for a while. */
const KEEP_ALIVE_MS = 75_000;

const accept = LEVELS[process.argv[2] ?? ''];
if (accept === undefined) throw new Error(`say one of ${Object.keys(LEVELS).join(', ')}`);

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => response.writeHead(accept(Buffer.concat(chunks).toString()) ? 204 : 422).end());
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
