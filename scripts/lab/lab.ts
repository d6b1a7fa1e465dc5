/**
 * A fleet of real Docker hosts to play with: `lab.ts up --engines N [--containers N]` and `lab.ts down`.
 *
 * `up` returns once every engine answers, and prints how to reach each; they run until `down`, which also takes away
 * whatever labs that died left behind.
 */
import { parseArgs } from 'node:util';
import { createNetworkNamespaces, importBusybox, runContainer, startEngine } from './engine.ts';
import { detachRun, undoDeadRuns, undoDetachedRuns } from './lab-run.ts';

const USAGE = 'Usage: lab.ts up [--engines N] [--containers N] | lab.ts down';

async function up(engineCount: number, containerCount: number): Promise<void> {
  await detachRun();
  const network = await createNetworkNamespaces(engineCount);
  await Promise.all(
    network.hosts.map(async (host) => {
      const engine = await startEngine({ netns: host.namespace });
      await importBusybox(engine);
      for (let number = 1; number <= containerCount; number += 1) {
        await runContainer(engine, { name: `sleeper-${number}`, labels: { 'nexus.lab': 'sleeper' } });
      }
      process.stdout.write(`${host.name} ${host.address} netns=${host.namespace} DOCKER_HOST=${engine.dockerHost}\n`);
    }),
  );
  process.stdout.write(
    `A server for these hosts listens on ${network.serverAddress}. End all of it with: lab.ts down\n`,
  );
}

async function down(): Promise<void> {
  const count = await undoDetachedRuns();
  await undoDeadRuns();
  process.stdout.write(count === 0 ? 'No lab was up.\n' : `Took down ${count} lab${count === 1 ? '' : 's'}.\n`);
}

function parseCount(name: string, text: string, least: number): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least) {
    throw new RangeError(`--${name} wants a whole number from ${least}, not "${text}".\n${USAGE}`);
  }
  return count;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { engines: { type: 'string', default: '1' }, containers: { type: 'string', default: '0' } },
  });
  const [command, ...rest] = positionals;
  if (command === 'up' && rest.length === 0) {
    await up(parseCount('engines', values.engines, 1), parseCount('containers', values.containers, 0));
  } else if (command === 'down' && rest.length === 0) {
    await down();
  } else {
    throw new RangeError(USAGE);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof RangeError || error instanceof TypeError ? 2 : 1;
}
