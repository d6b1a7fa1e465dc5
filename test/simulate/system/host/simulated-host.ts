/** One machine of the fleet: its clocks, disk, engine and agent, and everything that may befall them. */
import { RELEASE_LABEL, SERVICE_LABEL } from '../../../../agent/docker/project-container.ts';
import { AGENT_EXIT } from '../../../../agent/start-agent.ts';
import type { EncodedTick } from '../../../../agent/telemetry/outbox/outbox-tick.ts';
import type { Log } from '../../../../src/domain/log.ts';
import { Disk } from '../kernel/disk.ts';
import type { Machine, SimulatedProcess } from '../kernel/machine.ts';
import type { Network } from '../kernel/network.ts';
import { liveAgent } from './agent-life.ts';
import type { ComposeParts, ComposeWatcher } from './compose.ts';
import { Engine } from './engine.ts';
import { type ImageCatalog, NETWORK } from './releases.ts';

export interface HostOptions {
  readonly machine: Machine;
  readonly network: Network;
  readonly images: ImageCatalog;
  readonly watcher: ComposeWatcher;
  readonly token: string;
  readonly intervalMs: number;
  readonly logOf: (process: SimulatedProcess) => Log;
  readonly onTick: (tick: EncodedTick) => void;
  /** The agent's process, or its disk, is gone: what the disk holds now is all that is left. */
  readonly onLoss: () => void;
  /** The power is cut, and the disk holds what has survived that. */
  readonly onPowerCut: () => void;
}

const BOOT_MS = 3_000;

export class SimulatedHost {
  readonly name: string;
  readonly machine: Machine;
  readonly disk: Disk;
  readonly engine: Engine;
  readonly pace = { slowness: 1 };
  readonly #options: HostOptions;
  readonly #commands = new Set<SimulatedProcess>();
  #agent: { readonly process: SimulatedProcess; readonly stopping: AbortController } | null = null;
  /** Counts the disks it has had: what lay on an earlier one is gone. */
  disks = 1;
  /** In true time. */
  #diskSinceMs = Number.NEGATIVE_INFINITY;
  #isPowered = true;
  #isWanted = false;
  /** The server has refused its token: nobody starts its agent again. */
  #isRetired = false;
  #isLost = false;

  constructor(options: HostOptions) {
    const { machine } = options;
    this.name = machine.name;
    this.machine = machine;
    this.disk = new Disk(machine.random);
    this.engine = new Engine(machine);
    this.engine.networks.add(NETWORK);
    this.#options = options;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** The machine is gone, and nobody brings it back. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Nothing comes of it any more. A server that was restored may still expect it. */
  get isGone(): boolean {
    return this.#isLost || this.#isRetired;
  }

  get agentProcess(): SimulatedProcess | null {
    return this.#agent?.process ?? null;
  }

  get composeParts(): ComposeParts {
    const { images, watcher } = this.#options;
    return { engine: this.engine, disk: this.disk, images, watcher };
  }

  /** What runs of a stack: the releases that its containers were last brought up for. */
  releasesOf(stack: string): Set<string> {
    const releases = this.engine.ofProject(stack).map(({ broughtUpBy }) => broughtUpBy);
    return new Set(releases.filter((release) => release !== null));
  }

  /** Whether a container of a stack is in a loop that has shown in this span of true time, to an agent on this disk. */
  hasLoopedWithin(stack: string, fromMs: number, untilMs: number): boolean {
    const knownFromMs = Math.max(fromMs, this.#diskSinceMs);
    return this.engine.ofProject(stack).some((container) => container.hasLoopedWithin(knownFromMs, untilMs));
  }

  /** The images that the containers of a stack are made of, by service. */
  imagesOf(stack: string): Map<string, string> {
    const containers = this.engine.ofProject(stack).filter(({ spec }) => RELEASE_LABEL in spec.labels);
    return new Map(containers.map(({ spec }) => [spec.labels[SERVICE_LABEL] ?? '', spec.imageId]));
  }

  /** Starts the agent, unless it runs. */
  start(): void {
    this.#isWanted = true;
    if (this.#agent !== null || !this.#isPowered || this.#isRetired) return;
    const process = this.machine.spawn('agent');
    const stopping = new AbortController();
    const life = { process, stopping };
    this.#agent = life;
    const { network, token, intervalMs, logOf, onTick, onLoss } = this.#options;
    process.onEnd(() => {
      this.#agent = null;
      onLoss();
      // It was started again while it was still ending.
      if (this.#isWanted) this.start();
    });
    const { signal } = stopping;
    const log = logOf(process);
    void liveAgent({ host: this, process, network, token, intervalMs, log, signal, onTick }).then((code) => {
      this.#isRetired = code === AGENT_EXIT.unauthorized;
      process.kill();
    });
  }

  /** SIGKILL. */
  kill(): void {
    this.#isWanted = false;
    this.#agent?.process.kill();
  }

  /** SIGTERM: it ends by itself in a moment. */
  stop(): void {
    this.#isWanted = false;
    this.#agent?.stopping.abort();
  }

  /** A process of its own for a command that the agent runs. */
  spawnCommand(): SimulatedProcess {
    const process = this.machine.spawn('docker');
    this.#commands.add(process);
    process.onEnd(() => this.#commands.delete(process));
    return process;
  }

  /** Commands that an earlier agent has left behind. */
  endCommands(): void {
    for (const command of [...this.#commands]) command.kill();
  }

  cutPower(): void {
    if (!this.#isPowered) return;
    this.#isPowered = false;
    this.#isWanted = false;
    this.disk.cutPower();
    this.#options.onPowerCut();
    this.engine.stop();
    this.machine.reboot();
  }

  /** The machine boots, its engine answers again, and its agent is started. */
  restorePower(): void {
    if (this.#isPowered || this.#isLost) return;
    this.#isPowered = true;
    this.machine.queue.after(this.machine.random.between(100, BOOT_MS), () => {
      this.engine.recover();
      this.start();
    });
  }

  loseForGood(): void {
    this.cutPower();
    this.#isLost = true;
  }

  /** The agent's disk is replaced by an empty one. */
  wipeDisk(): void {
    this.disks += 1;
    this.#diskSinceMs = this.machine.queue.nowMs;
    this.disk.wipe();
    this.kill();
    this.#options.onLoss();
  }
}
