/**
 * `npm run bench:agent [-- --containers 50 --rounds 4 --minutes 3 --json]`: what one tick costs the host, and how much
 * memory an agent holds. On one real engine, first without containers, then with 20, then with all of them, so that the
 * part of a tick that is fixed can be told from what each container adds. With 20 the agent ticks for some minutes before
 * its memory is read. With all of them it alternates with the same figures taken with the docker command line (`info`,
 * `ps -a`, `stats --no-stream`). CPU is what the kernel booked on every process involved. Exits 1 when a goal is missed.
 *
 * The agent ticks every second here, so that the engine's own idle work is charged to as short a time as possible; it
 * is charged in full.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
/** The share of the docker command line's CPU, milliseconds of the agent's own CPU a tick, MiB of its own memory. */
const GOALS = { ratio: 0.1, fixedMs: 3, ownMb: 22 };
/** Containers beside which memory is read. */
const USUAL_CONTAINERS = 20;
const MEMORY_EVERY_MS = 5_000;
/** How long a poll for a release is kept open. */
const POLL_MS = 60_000;
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

/** CPU milliseconds of a process's threads that live, to the nanosecond (the kernel's scheduler statistics). */
function threadsCpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, value) => sum + value, 0) / 1e6;
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
        const url = request.url ?? '';
        if (url === '/agent/telemetry') this.#count++;
        if (url.startsWith('/v1/agent/dispatch')) {
          // No release is ever dispatched.
          setTimeout(() => response.writeHead(204).end(), POLL_MS).unref();
        } else if (url === '/v1/agent/state') {
          response.writeHead(200, { 'content-type': 'application/json' }).end('{"rollouts":[]}');
        } else {
          response.writeHead(204).end();
        }
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
      () => threadsCpuMs(this.pid),
      () => this.counter.more(AGENT_TICKS_PER_ROUND),
    );
    this.hold();
    return cost;
  }

  /** Ticks for so many minutes; the memory at the end of it, and the most that was its own on the way. */
  async settle(minutes: number): Promise<Memory & { readonly mostOwnMb: number }> {
    this.#child.kill('SIGCONT');
    const untilMs = performance.now() + minutes * 60_000;
    let mostOwnMb = 0;
    do {
      await sleep(Math.min(MEMORY_EVERY_MS, Math.max(0, untilMs - performance.now())));
      mostOwnMb = Math.max(mostOwnMb, this.memory().ownMb);
    } while (performance.now() < untilMs);
    this.hold();
    return { ...this.memory(), mostOwnMb };
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    const megabytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { rssMb: megabytes('VmRSS'), ownMb: megabytes('RssAnon') };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
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

/** The agent's own CPU a tick, with so many containers: the median of the rounds. */
interface Stage {
  readonly containers: number;
  readonly cpu_ms: number;
}

interface Report {
  readonly containers: number;
  readonly cpu_ms_per_tick: Record<string, ReturnType<typeof perTick>>;
  readonly ratio: number;
  readonly ratio_without_cgroups: number;
  readonly stages: readonly Stage[];
  readonly fixed_ms: number;
  readonly per_container_ms: number;
  readonly agent_memory_mb: { readonly rss: number; readonly own: number; readonly most_own: number };
  readonly rollouts_memory_mb: { readonly rss: number; readonly own: number; readonly most_own: number };
  readonly bytes_per_tick: number;
}

function missedGoals(report: Report): string[] {
  const missed: string[] = [];
  if (report.ratio > GOALS.ratio) missed.push(`more than 1/${1 / GOALS.ratio} of the command line's CPU`);
  if (report.fixed_ms > GOALS.fixedMs) missed.push(`more than ${GOALS.fixedMs} ms of a tick are fixed`);
  if (report.agent_memory_mb.most_own > GOALS.ownMb) missed.push(`more than ${GOALS.ownMb} MiB of its own`);
  return missed;
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
  line("of the command line's", [times(report.ratio), times(report.ratio_without_cgroups), '1']);
  const stages = report.stages.map(({ containers, cpu_ms }) => `${cpu_ms.toFixed(2)} ms with ${containers}`).join(', ');
  const memory = ({ rss, own, most_own }: Report['agent_memory_mb']): string =>
    `${own.toFixed(1)} MiB of its own, ${most_own.toFixed(1)} at most; ${rss.toFixed(0)} MiB resident with pages of the executable`;
  const missed = missedGoals(report);
  process.stdout.write(
    `\nThe agent's own CPU, medians: ${stages} containers.\n` +
      `Fixed: ${report.fixed_ms.toFixed(2)} ms a tick (to reach: ≤ ${GOALS.fixedMs}); each container adds ${report.per_container_ms.toFixed(3)} ms.\n` +
      `Memory (to reach: ≤ ${GOALS.ownMb} MiB of its own): ${memory(report.agent_memory_mb)}.\n` +
      `With --rollouts: ${memory(report.rollouts_memory_mb)}.\n` +
      `On the wire: ${report.bytes_per_tick} bytes a tick.\n` +
      (missed.length === 0 ? 'Every goal is reached.\n' : `MISSED: ${missed.join('; ')}.\n`),
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function memoryOf({ rssMb, ownMb, mostOwnMb }: Memory & { readonly mostOwnMb: number }): Report['agent_memory_mb'] {
  return { rss: rssMb, own: ownMb, most_own: mostOwnMb };
}

function runBenchContainer(engine: Engine, index: number): Promise<unknown> {
  return runContainer(engine, {
    name: `bench-${index}`,
    labels: {
      'com.docker.compose.project': `stack-${index % 5}`,
      'com.docker.compose.service': `service-${index}`,
    },
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      containers: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '4' },
      minutes: { type: 'string', default: '3' },
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
  const minutes = Number(values.minutes);
  const engine = await startEngine();
  const agents: BenchedAgent[] = [];
  const start = async (env: Record<string, string>): Promise<BenchedAgent> => {
    const agent = await BenchedAgent.start(executable, engine, env);
    agents.push(agent);
    return agent;
  };
  const blindRoot = mkdtempSync(join(tmpdir(), 'bench-blind-'));
  try {
    await importBusybox(engine);
    const seeing = await start({});
    const withRollouts = await start({ NEXUS_AGENT_ROLLOUTS: '1' });
    let memory: Record<'agent' | 'rollouts', Report['agent_memory_mb']> | null = null;
    const stages: Stage[] = [];
    let running = 0;
    const usual = Math.min(USUAL_CONTAINERS, containers);
    for (const count of new Set([0, usual, containers])) {
      for (; running < count; running++) await runBenchContainer(engine, running);
      say(`${count} containers run; ${rounds} rounds.`);
      const costs: number[] = [];
      for (let round = 0; round < rounds; round++) costs.push(perTick([await seeing.measure(engine)]).asker);
      stages.push({ containers: count, cpu_ms: median(costs) });
      if (count !== usual) continue;
      say(`Ticking for ${minutes} minutes.`);
      const [agent, rollouts] = await Promise.all([seeing.settle(minutes), withRollouts.settle(minutes)]);
      memory = { agent: memoryOf(agent), rollouts: memoryOf(rollouts) };
    }
    if (memory === null) throw new Error('the memory was not read');
    await withRollouts.stop();

    const asking = await start({ NEXUS_AGENT_HOST_ROOT: blindRoot });
    const costs = { agent: [] as Cost[], asking: [] as Cost[], cli: [] as Cost[] };
    for (let round = 0; round < rounds; round++) {
      costs.agent.push(await seeing.measure(engine));
      costs.cli.push(await measureCli(engine));
      costs.asking.push(await asking.measure(engine));
    }
    const [agent, without, cli] = [perTick(costs.agent), perTick(costs.asking), perTick(costs.cli)];
    const fixedMs = stages[0]?.cpu_ms ?? Number.NaN;
    const report: Report = {
      containers,
      cpu_ms_per_tick: { agent, 'agent without cgroups': without, 'docker command line': cli },
      ratio: agent.total / cli.total,
      ratio_without_cgroups: without.total / cli.total,
      stages,
      fixed_ms: fixedMs,
      per_container_ms: ((stages.at(-1)?.cpu_ms ?? Number.NaN) - fixedMs) / containers,
      agent_memory_mb: memory.agent,
      rollouts_memory_mb: memory.rollouts,
      bytes_per_tick: seeing.counter.bytesPerTick,
    };
    if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else print(report);
    return missedGoals(report).length === 0 ? 0 : 1;
  } finally {
    for (const agent of agents) await agent.stop();
    await engine.stop();
    rmSync(blindRoot, { recursive: true, force: true });
  }
}

process.exitCode = await main();
