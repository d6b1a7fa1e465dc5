/**
 * `npm run bench:agent [-- --containers 50 --rounds 4 --json]`: what one tick costs the host. The agent, and the same
 * figures taken with the docker command line (`info`, `ps -a`, `stats --no-stream`), alternate on one real engine with
 * real containers; CPU is what the kernel booked on every process involved. Exits 1 when the agent needs more than a
 * tenth of the command line's CPU.
 *
 * The agent ticks every second here, so that the engine's own idle work is charged to as short a time as possible; it
 * is charged in full.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { builtExecutable } from '../demo/built-executable.ts';
import { type Engine, importBusybox, runContainer, skipWithoutLab, startEngine } from '../lab/engine.ts';
import { findProcesses } from '../lab/process-id.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const GOAL = 0.1;
/** The kernel books CPU in hundredths of a second for user space (USER_HZ, the same on every Linux platform Node runs on). */
const MS_PER_CLOCK_TICK = 10;
const AGENT_TICKS_PER_ROUND = 10;
const CLI_TICKS_PER_ROUND = 2;
const CLI_COMMANDS = [['info'], ['ps', '-a'], ['stats', '--no-stream']];
const UTIME_FIELD = 11;
const CHILDREN_UTIME_FIELD = 13;

/** CPU milliseconds by whom they were spent. */
type CpuMs = Record<'asker' | 'dockerd' | 'containerd' | 'shims', number>;

interface Cost {
  readonly cpu: CpuMs;
  readonly wallMs: number;
  readonly ticks: number;
}

interface Memory {
  readonly rssMb: number;
  readonly ownMb: number;
}

/** Fields of `/proc/<pid>/stat` after the command's name (proc_pid_stat(5)). */
function statFields(pid: number | 'self'): number[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

function cpuMs(pid: number | 'self', field = UTIME_FIELD): number {
  const fields = statFields(pid);
  return ((fields[field] ?? 0) + (fields[field + 1] ?? 0)) * MS_PER_CLOCK_TICK;
}

/** CPU that the engine's processes have used so far. */
function engineCpu(engine: Engine): Omit<CpuMs, 'asker'> {
  const cpu = { dockerd: cpuMs(engine.pid), containerd: 0, shims: 0 };
  for (const { pid } of findProcesses(engine.dir)) {
    if (pid === engine.pid || pid === process.pid) continue;
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    if (name === 'containerd') cpu.containerd += cpuMs(pid);
    if (name.startsWith('containerd-shim')) cpu.shims += cpuMs(pid);
  }
  return cpu;
}

async function measure(
  engine: Engine,
  ticks: number,
  askerCpuMs: () => number,
  work: () => Promise<void>,
): Promise<Cost> {
  const before = { asker: askerCpuMs(), ...engineCpu(engine) };
  const beganMs = performance.now();
  await work();
  const wallMs = performance.now() - beganMs;
  const after = { asker: askerCpuMs(), ...engineCpu(engine) };
  return {
    cpu: {
      asker: after.asker - before.asker,
      dockerd: after.dockerd - before.dockerd,
      containerd: after.containerd - before.containerd,
      shims: after.shims - before.shims,
    },
    wallMs,
    ticks,
  };
}

/** Takes ticks and counts them. */
class TickCounter {
  readonly #server: Server;
  #count = 0;
  #bytes = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      request.on('data', (piece: Buffer) => {
        this.#bytes += piece.length;
      });
      request.on('end', () => {
        this.#count++;
        response.writeHead(204).end();
      });
    });
  }

  static async start(): Promise<TickCounter> {
    const counter = new TickCounter();
    counter.#server.listen(0, '127.0.0.1');
    await once(counter.#server, 'listening');
    return counter;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get bytesPerTick(): number {
    return Math.round(this.#bytes / Math.max(1, this.#count));
  }

  async more(count: number): Promise<void> {
    const goal = this.#count + count;
    const dueMs = performance.now() + 60_000 + count * 2_000;
    while (this.#count < goal) {
      if (performance.now() > dueMs) throw new Error('the agent does not report');
      await sleep(5);
    }
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** An agent that runs only while it is measured. */
class BenchedAgent {
  readonly #child: ChildProcess;
  readonly counter: TickCounter;
  readonly #stateDir: string;

  private constructor(child: ChildProcess, counter: TickCounter, stateDir: string) {
    this.#child = child;
    this.counter = counter;
    this.#stateDir = stateDir;
  }

  static async start(executable: string, engine: Engine, env: Record<string, string>): Promise<BenchedAgent> {
    const counter = await TickCounter.start();
    const stateDir = mkdtempSync(join(tmpdir(), 'bench-agent-'));
    const child = spawn(executable, ['agent', '--interval-seconds', '1', '--docker-host', engine.dockerHost], {
      env: { NEXUS_URL: counter.url, NEXUS_AGENT_TOKEN: 'nxa_benchmark', NEXUS_AGENT_STATE_DIR: stateDir, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const agent = new BenchedAgent(child, counter, stateDir);
    // Until the code it runs on every tick is compiled, its cost is not the one it has for the next months.
    await counter.more(20);
    agent.hold();
    return agent;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  hold(): void {
    this.#child.kill('SIGSTOP');
  }

  async measure(engine: Engine): Promise<Cost> {
    this.#child.kill('SIGCONT');
    await this.counter.more(2);
    const cost = await measure(
      engine,
      AGENT_TICKS_PER_ROUND,
      () => cpuMs(this.pid),
      () => this.counter.more(AGENT_TICKS_PER_ROUND),
    );
    this.hold();
    return cost;
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const megabytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { rssMb: megabytes('VmRSS'), ownMb: megabytes('RssAnon') };
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    this.counter.stop();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}

function measureCli(engine: Engine): Promise<Cost> {
  // The kernel books a child's CPU on its parent once the parent has collected its exit.
  return measure(
    engine,
    CLI_TICKS_PER_ROUND,
    () => cpuMs('self', CHILDREN_UTIME_FIELD),
    async () => {
      for (let tick = 0; tick < CLI_TICKS_PER_ROUND; tick++) {
        for (const command of CLI_COMMANDS) await engine.docker(command);
      }
    },
  );
}

/** Mean cost of one tick over all rounds. */
function perTick(costs: readonly Cost[]): CpuMs & { total: number; wallMs: number } {
  const ticks = costs.reduce((sum, cost) => sum + cost.ticks, 0);
  const mean = (read: (cost: Cost) => number): number => costs.reduce((sum, cost) => sum + read(cost), 0) / ticks;
  const cpu: CpuMs = {
    asker: mean(({ cpu }) => cpu.asker),
    dockerd: mean(({ cpu }) => cpu.dockerd),
    containerd: mean(({ cpu }) => cpu.containerd),
    shims: mean(({ cpu }) => cpu.shims),
  };
  const total = cpu.asker + cpu.dockerd + cpu.containerd + cpu.shims;
  return { ...cpu, total, wallMs: mean(({ wallMs }) => wallMs) };
}

interface Report {
  readonly containers: number;
  readonly cpu_ms_per_tick: Record<string, ReturnType<typeof perTick>>;
  readonly ratio: number;
  readonly ratio_without_cgroups: number;
  readonly agent_memory_mb: { readonly rss: number; readonly own: number };
  readonly bytes_per_tick: number;
}

function print(report: Report): void {
  const columns = Object.entries(report.cpu_ms_per_tick);
  const line = (label: string, cells: readonly string[]): void => {
    process.stdout.write(`${label.padEnd(24)}${cells.map((cell) => cell.padStart(22)).join('')}\n`);
  };
  process.stdout.write(`One tick of ${report.containers} containers, CPU milliseconds:\n\n`);
  line(
    '',
    columns.map(([name]) => name),
  );
  for (const who of ['asker', 'dockerd', 'containerd', 'shims', 'total'] as const) {
    const label = who === 'asker' ? 'agent or docker itself' : who;
    line(
      label,
      columns.map(([, cost]) => cost[who].toFixed(1)),
    );
  }
  const times = (ratio: number): string => `1/${(1 / ratio).toFixed(1)}`;
  line('of the command line’s', [times(report.ratio), times(report.ratio_without_cgroups), '1']);
  const { rss, own } = report.agent_memory_mb;
  process.stdout.write(
    `\nThe agent’s memory: ${rss.toFixed(1)} MB resident, ${own.toFixed(1)} MB of it its own (the rest are pages of the executable).\n` +
      `On the wire: ${report.bytes_per_tick} bytes a tick.\n` +
      `The goal is at most 1/${1 / GOAL}: ${report.ratio <= GOAL ? 'reached' : 'MISSED'}.\n`,
  );
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      containers: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '4' },
      json: { type: 'boolean', default: false },
    },
  });
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const unavailable = await skipWithoutLab();
  if (unavailable !== false) {
    say(`There is no Docker Engine to measure on: ${unavailable}`);
    return 1;
  }
  const executable = await builtExecutable(ROOT, say);
  const containers = Number(values.containers);
  const rounds = Number(values.rounds);
  const engine = await startEngine();
  const agents: BenchedAgent[] = [];
  const blindRoot = mkdtempSync(join(tmpdir(), 'bench-blind-'));
  try {
    await importBusybox(engine);
    for (let index = 0; index < containers; index++) {
      await runContainer(engine, {
        name: `bench-${index}`,
        labels: {
          'com.docker.compose.project': `stack-${index % 5}`,
          'com.docker.compose.service': `service-${index}`,
        },
      });
    }
    say(`${containers} containers run; ${rounds} rounds.`);
    const seeing = await BenchedAgent.start(executable, engine, {});
    agents.push(seeing);
    const asking = await BenchedAgent.start(executable, engine, { NEXUS_AGENT_HOST_ROOT: blindRoot });
    agents.push(asking);
    const costs = { agent: [] as Cost[], asking: [] as Cost[], cli: [] as Cost[] };
    for (let round = 0; round < rounds; round++) {
      costs.agent.push(await seeing.measure(engine));
      costs.cli.push(await measureCli(engine));
      costs.asking.push(await asking.measure(engine));
    }
    const { rssMb, ownMb } = seeing.memory();
    const [agent, without, cli] = [perTick(costs.agent), perTick(costs.asking), perTick(costs.cli)];
    const report: Report = {
      containers,
      cpu_ms_per_tick: { agent, 'agent without cgroups': without, 'docker command line': cli },
      ratio: agent.total / cli.total,
      ratio_without_cgroups: without.total / cli.total,
      agent_memory_mb: { rss: rssMb, own: ownMb },
      bytes_per_tick: seeing.counter.bytesPerTick,
    };
    if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else print(report);
    return report.ratio <= GOAL ? 0 : 1;
  } finally {
    for (const agent of agents) await agent.stop();
    await engine.stop();
    rmSync(blindRoot, { recursive: true, force: true });
  }
}

process.exitCode = await main();
