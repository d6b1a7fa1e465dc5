/** As many hosts as one server is meant for, each with a post of its own: what knowing all of them costs in memory. */
import { AcknowledgedTicks } from './acknowledged-ticks.ts';
import type { ChildServer } from './child-server.ts';
import { KeptConnection, targetOf } from './kept-connection.ts';
import { addHosts } from './nexus-hosts.ts';
import { TickTimes, telemetryRequest } from './prebuilt-posts.ts';
import { besideLimit, figure, say } from './samples.ts';
import { each } from './simulated-fleet.ts';
import { telemetryOf } from './telemetry-bodies.ts';

const CONNECTIONS = 64;
const ROUNDS = 2;
const MAX_RSS_MB = 300;

/** Everybody once, on connections that they share: bodies are made as they are sent, as so many would fill the memory. */
async function postAll(
  connections: readonly KeptConnection[],
  tokens: readonly string[],
  send: (connection: KeptConnection, token: string, host: number) => Promise<void>,
): Promise<number> {
  const beganMs = performance.now();
  let next = 0;
  await each(connections, connections.length, async (connection) => {
    for (let host = next++; host < tokens.length; host = next++) await send(connection, tokens[host] ?? '', host);
  });
  return (performance.now() - beganMs) / 1000;
}

/** Ends the server. */
export async function measureFleet(
  server: ChildServer,
  dataDir: string,
  hostCount: number,
  containerCount: number,
): Promise<void> {
  const tokens = await addHosts(dataDir, hostCount);
  say(
    'a fleet',
    `${figure(hostCount)} hosts of ${containerCount} containers; RSS ${figure(server.figures().rssMb)} MB before they post`,
  );
  const times = new TickTimes();
  const acknowledged = new AcknowledgedTicks(times, hostCount);
  const target = targetOf(server.url);
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeptConnection.open(target)));
  for (let round = 0; round < ROUNDS; round += 1) {
    const seconds = await postAll(connections, tokens, async (connection, token, host) => {
      const request = telemetryRequest(token, telemetryOf(host, round, containerCount), times.instant(round));
      const { status, body } = await connection.post(request);
      if (status !== 204) throw new Error(`host-${host} was answered ${status}: ${body}`);
      acknowledged.note(host, round);
    });
    say(`  round ${round + 1}`, `${figure(hostCount / seconds)} posts/s; RSS ${figure(server.figures().rssMb)} MB`);
  }
  const { rssMb, peakRssMb } = server.figures();
  say('  RSS after that', besideLimit(rssMb, 'MB', MAX_RSS_MB));
  say('  peak RSS', `${figure(peakRssMb)} MB`);
  for (const connection of connections) connection.close();
  await server.stop();
  acknowledged.report(dataDir);
}
