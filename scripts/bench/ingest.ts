/**
 * `npm run bench:ingest [-- --hosts 2000 --containers 20]`: telemetry posted as fast as it is answered, by a load
 * generator in this process, to four servers in processes of their own, in turns: node:http that only reads the bytes,
 * that also parses them, that also validates them, and Nexus, which answers when a post is synced to the disk. They take
 * turns because the machine may be busy with something else; what is printed are medians of the turns.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ChildServer } from './support/child-server.ts';
import { KeptConnection, targetOf } from './support/kept-connection.ts';
import { MachineLoad } from './support/machine-load.ts';
import { startNexus } from './support/nexus-server.ts';
import { figure, ratio, Samples, say } from './support/samples.ts';
import { each } from './support/simulated-fleet.ts';
import { bodyAt, bodyTail } from './support/telemetry-bodies.ts';

const VARIANTS = 4;
/** Ticks of a host are so far apart by their own clock. */
const INTERVAL_MS = 1000;
/** The oldest tick that is taken is one hour old. */
const BEGIN_MS = Date.now() - 3_000_000;

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '2000' },
    containers: { type: 'string', default: '20' },
    /** Posts under way at once. */
    window: { type: 'string', default: '64' },
    /** Turns of each server, and how long each is. */
    turns: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    /** Runs this executable; by default dist/nexus, built first when it is old. */
    executable: { type: 'string' },
    /** Runs the sources instead, and writes a profile of them into this folder. */
    profile: { type: 'string' },
  },
});
const hostCount = Number(flags.hosts);
const containerCount = Number(flags.containers);
const turnMs = Number(flags.seconds) * 1000;

/** One server under load, and what its turns came to. */
class Subject {
  readonly name: string;
  readonly server: ChildServer;
  readonly perSecond = new Samples();
  readonly cpuMicroseconds = new Samples();
  readonly delaysMs = new Samples();
  posts = 0;
  readonly #connections: KeptConnection[];
  readonly #tokens: readonly string[];

  private constructor(name: string, server: ChildServer, connections: KeptConnection[], tokens: readonly string[]) {
    this.name = name;
    this.server = server;
    this.#connections = connections;
    this.#tokens = tokens;
  }

  static async open(name: string, server: ChildServer, tokens: readonly string[]): Promise<Subject> {
    const target = targetOf(server.url);
    const connections = Array.from({ length: Number(flags.window) }, () => KeptConnection.open(target));
    return new Subject(name, server, await Promise.all(connections), tokens);
  }

  /** Posts of one host after another, over and over, on every connection until `until` says so. */
  async #post(tails: readonly string[], until: () => boolean, note: (delayMs: number) => void): Promise<void> {
    await each(this.#connections, this.#connections.length, async (connection) => {
      while (!until()) {
        const host = this.posts % hostCount;
        const round = Math.floor(this.posts / hostCount);
        this.posts += 1;
        const body = bodyAt(tails[host * VARIANTS + (round % VARIANTS)] ?? '', BEGIN_MS + round * INTERVAL_MS);
        const head = `POST /agent/telemetry HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${this.#tokens[host]}\r\ncontent-type: application/json\r\n`;
        const beganMs = performance.now();
        const { status, body: text } = await connection.ask(head, body);
        if (status !== 204) throw new Error(`${this.name} answered ${status}: ${text}`);
        note(performance.now() - beganMs);
      }
    });
  }

  /** Two posts of every host: from then on nothing is new but the numbers. */
  warmUp(tails: readonly string[]): Promise<void> {
    return this.#post(
      tails,
      () => this.posts >= 2 * hostCount,
      () => {},
    );
  }

  async takeTurn(tails: readonly string[]): Promise<void> {
    const before = this.server.figures();
    const beganMs = performance.now();
    let count = 0;
    await this.#post(
      tails,
      () => performance.now() - beganMs > turnMs,
      (delayMs) => {
        count += 1;
        this.delaysMs.add(delayMs);
      },
    );
    const seconds = (performance.now() - beganMs) / 1000;
    this.perSecond.add(count / seconds);
    this.cpuMicroseconds.add(((this.server.figures().cpuSeconds - before.cpuSeconds) * 1e6) / count);
  }

  report(base: Subject): void {
    const perSecond = this.perSecond.median;
    const cells = [
      `${figure(perSecond)} posts/s`,
      `${figure(perSecond * (containerCount + 1))} samples/s`,
      `p50 ${figure(this.delaysMs.percentile(50), 1)} ms`,
      `p99 ${figure(this.delaysMs.percentile(99), 1)} ms`,
      `${figure(this.cpuMicroseconds.median)} µs CPU a post`,
      `${figure(this.server.figures().rssMb)} MB`,
      `${ratio(perSecond, base.perSecond.median)} of ${base.name}`,
      `${ratio(base.cpuMicroseconds.median, this.cpuMicroseconds.median)} by CPU`,
    ];
    say(this.name, cells.join('; '));
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.server.stop();
  }
}

async function addHosts(socketPath: string): Promise<string[]> {
  const tokens: string[] = [];
  const operators = await Promise.all(Array.from({ length: 16 }, () => KeptConnection.open({ path: socketPath })));
  const indexes = Array.from({ length: hostCount }, (_, index) => index);
  await each(indexes, operators.length, async (index) => {
    const operator = operators.pop();
    if (operator === undefined) throw new Error('as many connections as workers');
    const head = 'POST /v1/hosts HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n';
    const answer = await operator.ask(head, JSON.stringify({ name: `host-${index}`, token: true }));
    tokens[index] = (JSON.parse(answer.body) as { token: { token: string } }).token.token;
    operators.push(operator);
  });
  for (const operator of operators) operator.close();
  return tokens;
}

async function main(directory: string): Promise<void> {
  const logFile = path.join(directory, 'log');
  const dataDir = path.join(directory, 'data');
  const nexus = await startNexus(dataDir, logFile, flags);
  const tokens = await addHosts(path.join(dataDir, 'nexus.sock'));
  const bare = async (level: string): Promise<ChildServer> =>
    ChildServer.start(process.execPath, [path.join(import.meta.dirname, 'support', 'bare-server.ts'), level], logFile);
  const subjects = [
    await Subject.open('reads the bytes', await bare('nothing'), tokens),
    await Subject.open('parses', await bare('parse'), tokens),
    await Subject.open('validates', await bare('validate-telemetry'), tokens),
    await Subject.open('Nexus', nexus, tokens),
  ];
  const tails: string[] = [];
  for (let host = 0; host < hostCount; host += 1) {
    for (let variant = 0; variant < VARIANTS; variant += 1) tails.push(bodyTail(host, variant, containerCount));
  }
  say(
    'load',
    `${figure(hostCount)} hosts of ${containerCount} containers, ${figure(bodyAt(tails[0] ?? '', BEGIN_MS).length)} bytes a post`,
  );
  for (const subject of subjects) await subject.warmUp(tails);
  const sizeBefore = statSync(path.join(dataDir, 'nexus.db')).size;
  const postsBefore = subjects.at(-1)?.posts ?? 0;
  const cpuSeconds = () => subjects.reduce((sum, { server }) => sum + server.figures().cpuSeconds, 0);
  const load = new MachineLoad(cpuSeconds());
  for (let turn = 0; turn < Number(flags.turns); turn += 1)
    for (const subject of subjects) await subject.takeTurn(tails);
  const [, parses] = subjects;
  for (const subject of subjects) subject.report(parses ?? subject);
  say('used by others meanwhile', load.describe(cpuSeconds()));
  const posts = (subjects.at(-1)?.posts ?? 0) - postsBefore;
  for (const subject of subjects) await subject.close();
  const size = statSync(path.join(dataDir, 'nexus.db')).size;
  say('on disk', `${figure(size / 1e6)} MB; ${figure((size - sizeBefore) / posts)} bytes a post`);
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
