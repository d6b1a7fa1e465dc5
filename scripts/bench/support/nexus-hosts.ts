import path from 'node:path';
import { KeptConnection } from './kept-connection.ts';
import { each } from './simulated-fleet.ts';

const OPERATORS = 16;
const HEAD = 'POST /v1/hosts HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n';

/** Adds `host-0`, `host-1` … to a running server; returns their tokens. */
export async function addHosts(dataDir: string, count: number): Promise<string[]> {
  const tokens: string[] = [];
  const socket = { path: path.join(dataDir, 'nexus.sock') };
  const operators = await Promise.all(Array.from({ length: OPERATORS }, () => KeptConnection.open(socket)));
  await each(operators, OPERATORS, async (operator) => {
    while (tokens.length < count) {
      const index = tokens.push('') - 1;
      const answer = await operator.ask(HEAD, JSON.stringify({ name: `host-${index}`, token: true }));
      if (answer.status >= 300) throw new Error(`adding a host was answered ${answer.status}: ${answer.body}`);
      tokens[index] = (JSON.parse(answer.body) as { token: { token: string } }).token.token;
    }
    operator.close();
  });
  return tokens;
}
