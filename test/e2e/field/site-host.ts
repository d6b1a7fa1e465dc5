import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Engine, installLab, type LabHost, onHost, runContainer, setLink } from '../../../scripts/lab/engine.ts';
import { findFaketime } from '../../optional-tool.ts';
import { afterwards } from '../support/afterwards.ts';
import { scratchDirectory } from '../support/nexus-server.ts';
import { type PausableProxy, startPausableProxy } from '../support/pausable-proxy.ts';
import { RolloutAgent, type RolloutAgentOptions } from '../support/rollout-agent.ts';
import type { LabPlace } from '../support/rollout-lab.ts';
import { ROW_LABEL } from './clean-up.ts';
import { inspectProject, type SeenContainer } from './project-containers.ts';

const FILLER = 'filler';
/** The file system itself needs some of it to note what is where. */
const LEFT_FREE_BYTES = 4_000_000;

export interface SiteHostOptions {
  readonly name: string;
  readonly stack: string;
  readonly token: string;
  readonly intervalSeconds: number;
  readonly listenHost: string;
  readonly serverUrl: string;
}

export interface AgentSettings extends Pick<RolloutAgentOptions, 'isReadOnly'> {
  readonly env?: Readonly<Record<string, string>>;
  /** Its wall clock can be set by {@link SiteHost.setClock}. */
  readonly hasClockOfItsOwn?: boolean;
}

/** One host of a row: an engine, perhaps beside other rows, an agent of the row's own, and the way to the server. */
export class SiteHost {
  readonly name: string;
  readonly engine: Engine;
  readonly place: LabHost;
  /** Between agent and server: what is sent while it is paused waits. */
  readonly link: PausableProxy;
  readonly #test: TestContext;
  readonly #options: SiteHostOptions;
  readonly #scratch: string;
  #agent: RolloutAgent | null = null;

  private constructor(test: TestContext, { engine, host }: LabPlace, link: PausableProxy, options: SiteHostOptions) {
    this.name = options.name;
    this.engine = engine;
    this.place = host;
    this.link = link;
    this.#test = test;
    this.#options = options;
    this.#scratch = scratchDirectory(test);
  }

  static async open(test: TestContext, place: LabPlace, options: SiteHostOptions): Promise<SiteHost> {
    const link = await startPausableProxy(test, options.listenHost, new URL(options.serverUrl).host);
    return new SiteHost(test, place, link, options);
  }

  get agent(): RolloutAgent {
    assert.ok(this.#agent !== null, `${this.name} has an agent`);
    return this.#agent;
  }

  /** Everything that its agents have logged. */
  get log(): string {
    return this.#agent?.log ?? '';
  }

  async startAgent({ env, isReadOnly, hasClockOfItsOwn }: AgentSettings = {}): Promise<void> {
    assert.equal(this.#agent, null, `${this.name} has no agent yet; its own 'start' starts it again`);
    const { token, intervalSeconds } = this.#options;
    this.#agent = await RolloutAgent.start(this.#test, this.engine, new URL(`http://${this.link.address}`), {
      network: 'engine',
      ...(isReadOnly === undefined ? {} : { isReadOnly }),
      env: {
        NEXUS_AGENT_TOKEN: token,
        NEXUS_AGENT_INTERVAL_SECONDS: String(intervalSeconds),
        ...(hasClockOfItsOwn === true ? this.#clockEnvironment() : {}),
        ...env,
      },
    });
  }

  /** Steps the wall clock of an agent that has one of its own: so many seconds off the right time. */
  setClock(offSeconds: number): void {
    writeFileSync(path.join(this.#scratch, 'clock'), `${offSeconds < 0 ? '' : '+'}${offSeconds}\n`);
  }

  /** A project's containers, stopped ones too, by name; the row's stack unless another one is named. */
  containers(project = this.#options.stack): Promise<SeenContainer[]> {
    return inspectProject(this.engine, project);
  }

  /** The only container of a service. */
  async container(service: string): Promise<SeenContainer> {
    const all = (await this.containers()).filter((container) => container.service === service);
    const [only] = all;
    assert.ok(only !== undefined && all.length === 1, `${this.name} has ${all.length} containers of '${service}'`);
    return only;
  }

  /** Runs the docker command line; returns its stdout without the last line break. */
  async docker(...args: readonly string[]): Promise<string> {
    return (await this.engine.docker(args)).stdout.trimEnd();
  }

  /** The same in the only container of a service. */
  async exec(service: string, ...command: readonly string[]): Promise<string> {
    return this.docker('exec', (await this.container(service)).id, ...command);
  }

  /** Makes the healthcheck of a service fail from now on. */
  async sicken(service: string): Promise<void> {
    await this.exec(service, 'rm', '/ok');
  }

  /** Lets a service go on that waits to be told. */
  async tell(service: string): Promise<void> {
    await this.exec(service, 'touch', '/told');
  }

  /** A container that is none of the stack's, but goes with the row; returns its id. */
  runStranger(options: Parameters<typeof runContainer>[1] = {}): Promise<string> {
    return runContainer(this.engine, { ...options, labels: { ...options.labels, [ROW_LABEL]: this.#options.stack } });
  }

  /** Deploys by hand what a Compose file says, as people do without Nexus. */
  async composeUp(text: string, project = this.#options.stack): Promise<void> {
    const folder = path.join(this.#scratch, project);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'compose.yaml'), text);
    await this.engine.docker(['compose', '--project-name', project, 'up', '--detach', '--wait'], { cwd: folder });
  }

  /** A network that no Compose file owns, under the row's label. */
  async createNetwork(name: string, subnet?: string): Promise<void> {
    const range = subnet === undefined ? [] : ['--subnet', subnet];
    await this.docker('network', 'create', '--label', `${ROW_LABEL}=${this.#options.stack}`, ...range, name);
  }

  /** A docker program that a story puts before the real one, as a shell script; the real one is `$DOCKER` in it. */
  async wrapDocker(script: string): Promise<string> {
    const { env } = await installLab();
    const { stdout } = await promisify(execFile)('sh', ['-c', 'command -v docker'], { env });
    const file = path.join(this.#scratch, 'docker');
    writeFileSync(file, `#!/bin/sh\nDOCKER=${stdout.trim()}\n${script}\n`, { mode: 0o755 });
    return file;
  }

  /** A folder for DOCKER_CONFIG, without any credentials until {@link logIn}. */
  async dockerConfig(): Promise<string> {
    const { env } = await installLab();
    const folder = path.join(this.#scratch, 'docker-config');
    mkdirSync(folder, { recursive: true });
    const plugins = env['DOCKER_CONFIG'] === undefined ? [] : [path.join(env['DOCKER_CONFIG'], 'cli-plugins')];
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ cliPluginsExtraDirs: plugins }));
    return folder;
  }

  /** What 'docker login' would leave in the folder of {@link dockerConfig}. */
  logIn(registryAddress: string, user: string, password: string): void {
    const file = path.join(this.#scratch, 'docker-config', 'config.json');
    const auth = Buffer.from(`${user}:${password}`).toString('base64');
    const config: unknown = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...Object(config), auths: { [registryAddress]: { auth } } }));
  }

  /** A process of the host itself, outside of any container, listens on a TCP port; returns what ends it. */
  async listen(port: number): Promise<() => Promise<void>> {
    const program = `require('node:net').createServer().listen(${port}, '0.0.0.0', () => console.log('listens'))`;
    const [file, args] = onHost({ namespace: this.place.namespace }, process.execPath, ['-e', program]);
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };
    afterwards(this.#test, stop);
    await once(child.stdout, 'data');
    return stop;
  }

  /** Takes the space on the disk of an engine of the row's own, but for a few megabytes. */
  async fillDisk(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.engine.dataRoot);
    await promisify(execFile)('fallocate', ['--length', String(bavail * bsize - LEFT_FREE_BYTES), this.#filler]);
  }

  freeDisk(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Pulls the cable of a host whose engine is the row's own: neither agent nor engine reaches anything any more. */
  unplug(): Promise<void> {
    return setLink(this.place, 'down');
  }

  plugIn(): Promise<void> {
    return setLink(this.place, 'up');
  }

  /** Leaves an engine of the row's own as the next row expects it. */
  async repair(): Promise<void> {
    this.freeDisk();
    await this.plugIn();
    process.kill(this.engine.pid, 0);
  }

  get #filler(): string {
    return path.join(this.engine.dataRoot, FILLER);
  }

  #clockEnvironment(): Record<string, string> {
    const library = findFaketime();
    assert.ok(library !== undefined, 'libfaketime is installed');
    this.setClock(0);
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: path.join(this.#scratch, 'clock'),
      FAKETIME_NO_CACHE: '1',
      // Durations go on as they are: only the clock on the wall is wrong.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }
}
