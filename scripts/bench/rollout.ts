/**
 * `npm run bench:rollout [-- --hosts 10000 --rate 4600]`: a rollout to many hosts through the real server and its real
 * store, over HTTP, every agent a connection of its own in this process and the server a process of its own.
 *
 * Three waves: a canary; a quarter of the fleet as fast as the server answers, which gives what it can do; and the rest
 * at a steady `--rate`, at moments of chance, which gives the delays of its answers. A server that only reads and
 * validates the same bodies is measured before and after, since the machine may be busy with something else.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ChildServer, type ProcessFigures } from './support/child-server.ts';
import { requireFiles } from './support/file-limit.ts';
import { KeptConnection, targetOf } from './support/kept-connection.ts';
import { MachineLoad } from './support/machine-load.ts';
import { startNexus } from './support/nexus-server.ts';
import { type Pace, SteadyPace, WindowPace } from './support/pace.ts';
import { measurePlanning } from './support/planning-cost.ts';
import { figure, ratio, say } from './support/samples.ts';
import { EventFigures, each, SimulatedHost } from './support/simulated-fleet.ts';

const STACK = 'web';
const SOAK_MS = 1000;
const BARE_MS = 3000;
/** Files a process needs beside its connections. */
const SPARE_FILES = 200;
const OFFLINE_AFTER_SECONDS = 86_400;

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '10000' },
    /** Events a second in the last wave. */
    rate: { type: 'string', default: '4600' },
    /** Events under way at once in the second wave, and against the bare server. */
    window: { type: 'string', default: '128' },
    /** The second wave, in percent of the fleet. */
    quick: { type: 'string', default: '25' },
    /** Runs this executable; by default dist/nexus, built first when it is old. */
    executable: { type: 'string' },
    /** Runs the sources instead, and writes a profile of them into this folder. */
    profile: { type: 'string' },
  },
});
const hostCount = Number(flags.hosts);

async function ask(operator: KeptConnection, method: string, where: string, body?: unknown): Promise<unknown> {
  const head = `${method} ${where} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n`;
  const answer = await operator.ask(head, body === undefined ? '' : JSON.stringify(body));
  if (answer.status < 300) return JSON.parse(answer.body);
  throw new Error(`${method} ${where} was answered ${answer.status}: ${answer.body}`);
}

/** On a connection of its own: the server lets go of one that is idle for as long as a rollout may take. */
async function askOnce(socketPath: string, method: string, where: string, body?: unknown): Promise<unknown> {
  const operator = await KeptConnection.open({ path: socketPath });
  try {
    return await ask(operator, method, where, body);
  } finally {
    operator.close();
  }
}

async function addHosts(socketPath: string, url: string): Promise<SimulatedHost[]> {
  const names = Array.from({ length: hostCount }, (_, index) => `host-${String(index).padStart(5, '0')}`);
  const hosts: SimulatedHost[] = [];
  const operators = await Promise.all(Array.from({ length: 32 }, () => KeptConnection.open({ path: socketPath })));
  await each(names, operators.length, async (name) => {
    const operator = operators.pop();
    if (operator === undefined) throw new Error('as many connections as workers');
    const body = { name, labels: { role: 'bench' }, token: true, offline_after_seconds: OFFLINE_AFTER_SECONDS };
    const added = (await ask(operator, 'POST', '/v1/hosts', body)) as { token: { token: string } };
    hosts.push(new SimulatedHost(name, added.token.token, targetOf(url)));
    operators.push(operator);
  });
  for (const operator of operators) operator.close();
  return hosts;
}

async function bringOnline(hosts: readonly SimulatedHost[]): Promise<void> {
  const container = {
    container_id: 'c0ffee',
    name: 'web-1',
    image: 'nginx',
    labels: { 'com.docker.compose.project': STACK },
  };
  await each(hosts, 64, async (host) => {
    await host.connect();
    const tick = {
      recorded_at: new Date().toISOString(),
      host: { metrics: { cpu_percent: 5 } },
      containers: [container],
    };
    const { status, body } = await host.post('/agent/telemetry', tick);
    if (status !== 204) throw new Error(`${host.name} was answered ${status}: ${body}`);
  });
}

/** Events a second of a server that does nothing but read and validate them. */
async function measureBare(logFile: string, window: number): Promise<number> {
  const script = path.join(import.meta.dirname, 'support', 'bare-server.ts');
  const server = await ChildServer.start(process.execPath, [script, 'validate-event'], logFile);
  const hosts = Array.from(
    { length: window },
    (_, index) => new SimulatedHost(`host-${index}`, 'none', targetOf(server.url)),
  );
  await Promise.all(hosts.map((host) => host.connect()));
  const figures = new EventFigures();
  const untilMs = performance.now() + BARE_MS;
  const release = `sha256:${'0'.repeat(64)}`;
  await each(hosts, window, async (host) => {
    while (performance.now() < untilMs) {
      await host.carryOut({ rollout_id: 'ro_bench', release }, 0, new WindowPace(1), figures);
    }
  });
  for (const host of hosts) host.close();
  await server.stop();
  return figures.perSecond;
}

function describe(figures: EventFigures): string {
  const { delaysMs } = figures;
  const delay = (percent: number) => `p${percent} ${figure(delaysMs.percentile(percent), 1)} ms`;
  return `${figure(figures.perSecond)} events/s; ${delay(50)}, ${delay(99)}, ${delay(100)} (${figure(delaysMs.count)} events)`;
}

function cpuOf(before: ProcessFigures, after: ProcessFigures, seconds: number, count: number): string {
  const spent = after.cpuSeconds - before.cpuSeconds;
  return `${figure((spent * 1e6) / count)} µs an event, ${figure((100 * spent) / seconds)} % of a core`;
}

interface RolloutAnswer {
  readonly id: string;
  readonly state: string;
  readonly waves: ReadonlyArray<{ readonly hosts: readonly string[] }>;
}

const MANIFEST = {
  kind: 'nexus.release/1',
  stack: STACK,
  version: '1',
  compose: 'services:\n  web:\n    image: nginx:1.27\n',
  policy: { soak_seconds: SOAK_MS / 1000 },
};

async function rollOut(server: ChildServer, socketPath: string, hosts: readonly SimulatedHost[]): Promise<number> {
  const window = new WindowPace(Number(flags.window));
  const paces: readonly Pace[] = [window, window, new SteadyPace(Number(flags.rate))];
  const figures = paces.map(() => new EventFigures());
  const waveOf = new Map<string, number>();
  const marks: ProcessFigures[] = [];
  const done = hosts.map(async (host) => {
    const offer = await host.nextOffer();
    const wave = waveOf.get(host.name) ?? 0;
    marks[wave] ??= server.figures();
    const [pace, own] = [paces[wave], figures[wave]];
    if (pace === undefined || own === undefined) throw new Error(`there is no wave ${wave}`);
    await host.carryOut(offer, SOAK_MS, pace, own);
    // As its agent would: it waits for the next thing to do, until the server ends.
    void host.nextOffer().catch(() => {});
  });
  // An agent that fails before all are waited for must not end the process unheard.
  for (const one of done) one.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 1500));
  say('waiting polls', `${figure(hosts.length)}; the server holds ${figure(server.figures().rssMb)} MB`);

  const release = (await askOnce(socketPath, 'POST', '/v1/releases', MANIFEST)) as { digest: string };
  const load = new MachineLoad(server.figures().cpuSeconds);
  const createdMs = performance.now();
  const created = (await askOnce(socketPath, 'POST', '/v1/rollouts', {
    release: release.digest,
    selector: { role: 'bench' },
    waves: [{ count: 1 }, { percent: Number(flags.quick) }, { percent: 100 }],
    max_in_flight: hosts.length,
  })) as RolloutAnswer;
  created.waves.forEach((wave, index) => {
    for (const name of wave.hosts) waveOf.set(name, index);
  });
  say('create', `answered after ${figure(performance.now() - createdMs)} ms`);
  await Promise.all(done);
  say('used by others meanwhile', load.describe(server.figures().cpuSeconds));
  const shownMs = performance.now();
  const shown = (await askOnce(socketPath, 'GET', `/v1/rollouts/${created.id}`)) as RolloutAnswer;
  say('show', `all ${figure(hosts.length)} hosts after ${figure(performance.now() - shownMs)} ms`);
  if (shown.state !== 'converged') throw new Error(`the rollout is ${shown.state}`);
  const [, quick, steady] = figures;
  if (quick === undefined || steady === undefined) throw new Error('three waves');
  const after = server.figures();
  say('as fast as it answers', describe(quick));
  say(`at ${figure(Number(flags.rate))} a second`, describe(steady));
  const seconds = (steady.lastMs - steady.firstMs) / 1000;
  if (marks[2] !== undefined) say('CPU of the server then', cpuOf(marks[2], after, seconds, steady.delaysMs.count));
  say('memory of the server', `${figure(after.rssMb)} MB, at most ${figure(after.peakRssMb)} MB`);
  say('create to converged', `${figure((steady.lastMs - createdMs) / 1000, 1)} s`);
  const replayMs = performance.now();
  const replay = (await askOnce(socketPath, 'POST', `/v1/rollouts/${created.id}/replay`)) as {
    equal: boolean;
    entries: number;
  };
  say(
    'replay',
    `${replay.equal ? 'equal' : 'NOT EQUAL'}, ${figure(replay.entries)} entries in ${figure(performance.now() - replayMs)} ms`,
  );
  return quick.perSecond;
}

async function main(directory: string): Promise<void> {
  requireFiles(hostCount + SPARE_FILES);
  const logFile = path.join(directory, 'log');
  const window = Number(flags.window);
  const bare = [await measureBare(logFile, window)];
  const dataDir = path.join(directory, 'data');
  const server = await startNexus(dataDir, logFile, flags);
  const beganMs = performance.now();
  const hosts = await addHosts(path.join(dataDir, 'nexus.sock'), server.url);
  const addedMs = performance.now();
  await bringOnline(hosts);
  say(
    'hosts',
    `${figure(hosts.length)} added in ${figure((addedMs - beganMs) / 1000, 1)} s, online in ${figure((performance.now() - addedMs) / 1000, 1)} s more`,
  );
  say('memory before any poll', `${figure(server.figures().rssMb)} MB`);
  const perSecond = await rollOut(server, path.join(dataDir, 'nexus.sock'), hosts);
  for (const host of hosts) host.close();
  say('database', `${figure(statSync(path.join(dataDir, 'nexus.db')).size / 1e6)} MB`);
  await server.stop();
  bare.push(await measureBare(logFile, window));
  const bareMean = bare.reduce((sum, value) => sum + value, 0) / bare.length;
  say(
    'reads and validates only',
    `${bare.map((value) => figure(value)).join(' and ')} events/s; Nexus does ${ratio(perSecond, bareMean)} of that`,
  );
  await measurePlanning(path.join(directory, 'planning'));
}

const directory = mkdtempSync(path.join(tmpdir(), 'nexus-bench-'));
try {
  await main(directory);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
// Connections and children that a failure left behind end here.
process.exit();
