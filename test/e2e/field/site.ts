/** Where one row takes place: its hosts, its registry, the server, and what an operator does there. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { runCli } from '../../../src/cli/run-cli.ts';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import type { HostState } from '../../../src/domain/rollout.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import type { CreateRolloutBody, RolloutBody, RolloutHostBody } from '../../../src/wire/rollout.ts';
import { type MemoryTerminal, memoryTerminal } from '../../cli/memory-terminal.ts';
import { waitUntil } from '../../runtime/wait-until.ts';
import { afterwards, explainFailure } from '../support/afterwards.ts';
import { NexusServer, scratchDirectory } from '../support/nexus-server.ts';
import type { ImageOptions, PushedImage } from '../support/push-image.ts';
import type { LabPlace } from '../support/rollout-lab.ts';
import { cleanUp } from './clean-up.ts';
import type { Services } from './compose-project.ts';
import type { FieldLab } from './field-lab.ts';
import {
  describeRollout,
  describeWanted,
  type ExpectedRelease,
  hasCome,
  hasSettled,
  type Outcome,
  type OutcomeDetails,
  releaseOn,
  requireEvidence,
  requireKept,
  requireRelease,
  standingWords,
} from './outcome.ts';
import type { SeenContainer } from './project-containers.ts';
import { RegistryProxy } from './registry-proxy.ts';
import type { FieldRow } from './row.ts';
import { SiteHost } from './site-host.ts';
import { type ReleaseOptions, type SiteManifest, type SiteRelease, SiteReleases } from './site-releases.ts';

/** Rarer than the default: engines and servers have little enough of the processor. */
const POLL_MS = 250;
const LOG_TAIL_LINES = 30;

export interface RolloutOptions extends Pick<CreateRolloutBody, 'waves' | 'max_in_flight' | 'failure_threshold'> {
  /** Default: all of the row. */
  readonly hosts?: readonly SiteHost[];
}

export interface SiteRollout {
  readonly id: string;
  readonly release: SiteRelease;
  readonly hosts: readonly SiteHost[];
  /** By host: what ran before it began. */
  readonly before: ReadonlyMap<SiteHost, readonly SeenContainer[]>;
}

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Site {
  readonly stack: string;
  readonly hosts: readonly SiteHost[];
  readonly registry: RegistryProxy;
  readonly test: TestContext;
  readonly #lab: FieldLab;
  readonly #releases: SiteReleases;
  #server: NexusServer;
  readonly #operator: NexusClient;
  readonly #rollouts: string[] = [];

  private constructor(
    test: TestContext,
    lab: FieldLab,
    parts: {
      readonly stack: string;
      readonly server: NexusServer;
      readonly operator: NexusClient;
      readonly registry: RegistryProxy;
      readonly releases: SiteReleases;
      readonly hosts: readonly SiteHost[];
    },
  ) {
    this.test = test;
    this.#lab = lab;
    this.stack = parts.stack;
    this.hosts = parts.hosts;
    this.registry = parts.registry;
    this.#releases = parts.releases;
    this.#server = parts.server;
    this.#operator = parts.operator;
  }

  /** Hosts `STACK-1`, `STACK-2`… labelled `row=STACK`, online when their agents run. */
  static async open(test: TestContext, lab: FieldLab, row: FieldRow, places: readonly LabPlace[]): Promise<Site> {
    const { stack, intervalSeconds = 5, offlineAfterSeconds } = row;
    const traits = offlineAfterSeconds === undefined ? {} : { offline_after_seconds: offlineAfterSeconds };
    const server = await (row.server === 'own' ? lab.startServer(test) : lab.server());
    const operator = server.operator(test);
    const origin = await lab.registry();
    const listenHost = lab.network.serverAddress;
    const registry = await RegistryProxy.start(test, listenHost, origin.address);
    const releases = new SiteReleases({ stack, operator, origin, registry });
    const hosts = await Promise.all(
      places.map(async (place, index) => {
        const name = `${stack.replaceAll('_', '-')}-${index + 1}`;
        const { token } = await operator.createHost({ name, token: true, labels: { row: stack }, ...traits });
        assert.ok(token !== undefined, 'a token was asked for');
        const options = { name, stack, token: token.token, intervalSeconds, listenHost, serverUrl: server.url };
        return SiteHost.open(test, place, options);
      }),
    );
    const site = new Site(test, lab, { stack, server, operator, registry, releases, hosts });
    const remains = { stack, projects: releases.projects, registryAddress: registry.address };
    for (const host of hosts) {
      // Registered before the agent is: a row's agent is gone when its engine is cleaned.
      afterwards(test, async () => {
        if (row.engines === 'own') await host.repair();
        await cleanUp(host.engine, remains);
      });
    }
    explainFailure(test, () => site.describeLogs());
    if (row.agents !== 'by the story') {
      await Promise.all(hosts.map((host) => host.startAgent({ hasClockOfItsOwn: row.clock === 'steppable' })));
      await site.online(...hosts);
    }
    return site;
  }

  get operator(): NexusClient {
    return this.#operator;
  }

  get server(): NexusServer {
    return this.#server;
  }

  /** The only host of a row that has one, else the canary. */
  get host(): SiteHost {
    return this.#host(0);
  }

  get second(): SiteHost {
    return this.#host(1);
  }

  get third(): SiteHost {
    return this.#host(2);
  }

  /** A port that no other row publishes. */
  nextPort(): number {
    return this.#lab.nextPort();
  }

  /** An image that only this row's registry has; the same tag with another command is another image. */
  image(name: string, command: readonly string[], options: ImageOptions = {}): Promise<PushedImage> {
    return this.#releases.image(name, command, options);
  }

  /** Every service has an image of its own in the registry, unless its spec names one. */
  release(version: string, services: Services, options: ReleaseOptions = {}): Promise<SiteRelease> {
    return this.#releases.create(version, services, options);
  }

  /** The same without telling the server. */
  manifest(version: string, services: Services, options: ReleaseOptions = {}): Promise<SiteManifest> {
    return this.#releases.compose(version, services, options);
  }

  /** Brings a release to hosts, where nothing is to go wrong. */
  async deploy(release: SiteRelease, options: RolloutOptions & OutcomeDetails = {}): Promise<SiteRollout> {
    const rollout = await this.begin(release, options);
    await this.expectConverged(rollout, options);
    return rollout;
  }

  /** The first host before the others, unless `waves` says otherwise. */
  async begin(release: SiteRelease, options: RolloutOptions = {}): Promise<SiteRollout> {
    const { hosts = this.hosts, waves, max_in_flight, failure_threshold } = options;
    const before = await this.#whatRuns(release, hosts);
    const names = hosts.map(({ name }) => name);
    const asked = { release: release.digest, hosts: names, waves, max_in_flight, failure_threshold };
    const { id } = await this.#operator.createRollout(asked);
    this.#rollouts.push(id);
    return { id, release, hosts, before };
  }

  /** A rollout to all hosts of the row that a command began. */
  async known(id: string, release: SiteRelease): Promise<SiteRollout> {
    this.#rollouts.push(id);
    return { id, release, hosts: this.hosts, before: await this.#whatRuns(release, this.hosts) };
  }

  /** All of its hosts come to run its release, which may go to any other host. */
  expectConverged(rollout: SiteRollout, details: OutcomeDetails = {}): Promise<void> {
    const hosts = rollout.hosts.map(() => 'converged' as const);
    return this.expect(rollout, { ...details, rollout: 'converged', hosts, runs: rollout.release, quarantine: false });
  }

  /** The first host fails and goes back to `release`, which is what the others run on. Null: nothing ran before. */
  expectBack(
    rollout: SiteRollout,
    release: SiteRelease | null,
    details: OutcomeDetails & Pick<Outcome, 'quarantine'>,
  ): Promise<void> {
    const hosts = rollout.hosts.map((_, index) => (index === 0 ? 'reverted' : 'pending'));
    return this.expect(rollout, { ...details, rollout: 'halted', hosts, runs: release });
  }

  /** Waits until the rollout has come to its end, and holds it to all that was promised. */
  async expect(rollout: SiteRollout, outcome: Outcome): Promise<void> {
    const { hosts, release, before } = rollout;
    const names = hosts.map(({ name }) => name);
    await this.rolloutUntil(describeWanted(outcome), rollout, (now) => hasCome(now, names, outcome));
    const words: RegExp[] = [];
    for (const [index, host] of hosts.entries()) {
      const runs = releaseOn(outcome, index);
      await this.requireRuns(host, runs);
      requireKept(host.name, before.get(host) ?? [], await host.containers(release.stack), outcome);
      words.push(standingWords(host.name, outcome.hosts[index], release, runs));
    }
    await this.requireQuarantine(release, outcome.quarantine);
    await this.requireExplained(rollout, [...words, ...[outcome.explain ?? []].flat()]);
  }

  /** What runs on a host is this release, whole and alone, by the definitions of its services and by its images' bytes. */
  async requireRuns(host: SiteHost, release: ExpectedRelease | null): Promise<void> {
    requireRelease(host.name, await host.containers(release?.stack), release);
  }

  async requireQuarantine(release: SiteRelease, expected: Outcome['quarantine']): Promise<void> {
    const { releases } = await this.#operator.listReleases();
    const stored = releases.find(({ digest }) => digest === release.digest);
    requireEvidence(release.version, stored?.quarantine ?? null, expected);
  }

  async requireExplained(rollout: Pick<SiteRollout, 'id'>, expected: RegExp | readonly RegExp[]): Promise<void> {
    const said = await this.explain(rollout);
    for (const words of [expected].flat()) assert.match(said, words);
  }

  /** What `nexus rollout explain` says of the rollout, and of each of its hosts. */
  async explain({ id }: Pick<SiteRollout, 'id'>): Promise<string> {
    const { hosts } = await this.#operator.getRollout(id);
    const parts = [await this.nexus('rollout', 'explain', id)];
    for (const { name } of hosts) parts.push(await this.nexus('rollout', 'explain', id, name));
    return parts.join('\n');
  }

  /** What `nexus rollout plan` prints for these hosts, its notes included. */
  async plan(release: SiteRelease, hosts: readonly SiteHost[] = this.hosts): Promise<string> {
    const { stdout, stderr } = await this.command(
      'rollout',
      'plan',
      release.digest,
      '--host',
      ...hosts.map(({ name }) => name),
    );
    return `${stdout}${stderr}`;
  }

  /** One command of an operator on the server's machine, run in this process. */
  async command(...args: readonly string[]): Promise<CommandEnd> {
    const terminal: MemoryTerminal = { ...memoryTerminal(), runtime: systemRuntime };
    const code = await runCli([...args, '--data', this.#server.dataDir], terminal);
    return { code, stdout: terminal.out(), stderr: terminal.err() };
  }

  /** A command that must succeed; returns its stdout without the last line break. */
  async nexus(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...args);
    assert.equal(code, 0, `nexus ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  }

  /** `nexus release create` on files as an operator has them, by their relative paths; modes are 0644 where none is given. */
  async createFromFiles(
    version: string,
    files: Readonly<Record<string, string | Uint8Array | { readonly text: string; readonly mode: number }>>,
    ...flags: readonly string[]
  ): Promise<CommandEnd> {
    const folder = scratchDirectory(this.test);
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(folder, name);
      const { text, mode } =
        typeof content === 'object' && 'mode' in content ? content : { text: content, mode: 0o644 };
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text, { mode });
    }
    const compose = flags.includes('--compose') ? [] : ['--compose', path.join(folder, 'compose.yaml')];
    const placed = flags.map((flag) => flag.replace('FOLDER/', `${folder}/`));
    const named = ['--stack', this.stack, '--version', version, '--soak', '2s', '--sustained-failure', '2s'];
    return this.command('release', 'create', ...named, ...compose, ...placed);
  }

  async online(...hosts: readonly SiteHost[]): Promise<void> {
    for (const { name } of hosts) {
      await this.until(`${name} to be online`, async () => (await this.#operator.getHost(name)).status === 'online');
    }
  }

  async until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    return waitUntil(what, probe, POLL_MS);
  }

  /** Until the rollout is as `holds` wants it; fails at once when it has ended otherwise. */
  async rolloutUntil(
    what: string,
    { id }: Pick<SiteRollout, 'id'>,
    holds: (rollout: RolloutBody) => boolean,
  ): Promise<RolloutBody> {
    const found = await this.until(what, async () => {
      const now = await this.#operator.getRollout(id);
      if (holds(now) || hasSettled(now)) return now;
      throw new Error(describeRollout(now));
    });
    assert.ok(holds(found), `${what}, but ${describeRollout(found)}`);
    return found;
  }

  reaches(rollout: Pick<SiteRollout, 'id'>, state: RolloutBody['state']): Promise<RolloutBody> {
    return this.rolloutUntil(`the rollout to be ${state}`, rollout, (now) => now.state === state);
  }

  async hostReaches(
    rollout: Pick<SiteRollout, 'id'>,
    { name }: Pick<SiteHost, 'name'>,
    ...states: readonly HostState[]
  ): Promise<RolloutHostBody> {
    const there = ({ hosts }: RolloutBody): RolloutHostBody | undefined =>
      hosts.find((host) => host.name === name && states.includes(host.state));
    const now = await this.rolloutUntil(
      `${name} to be ${states.join(' or ')}`,
      rollout,
      (body) => there(body) !== undefined,
    );
    const host = there(now);
    assert.ok(host !== undefined);
    return host;
  }

  /** A power cut of a server of the row's own, and its next start on the same data and address. */
  async restartServer(whileItIsAway: () => void = () => {}): Promise<void> {
    const { dataDir, url } = this.#server;
    await this.#server.kill();
    whileItIsAway();
    this.#server = await NexusServer.start(this.test, { dataDir, listen: new URL(url).host });
    await this.#server.waitUntilReady();
  }

  /** A copy of the database of a server of the row's own, as an operator makes it; returns the file. */
  async backUp(): Promise<string> {
    const file = path.join(scratchDirectory(this.test), 'backup.db');
    await this.nexus('backup', file);
    return file;
  }

  /** The server loses what has happened since the backup. */
  async restoreServer(backup: string): Promise<void> {
    const { dataDir } = this.#server;
    await this.restartServer(() => {
      for (const name of ['nexus.db-wal', 'nexus.db-shm']) rmSync(path.join(dataDir, name), { force: true });
      copyFileSync(backup, path.join(dataDir, 'nexus.db'));
    });
  }

  /** What the server has lost with {@link restoreServer} cannot be asked of it any more. */
  forgetRollouts(): void {
    this.#rollouts.length = 0;
  }

  /** The log of a rollout, as one text. */
  async log({ id }: Pick<SiteRollout, 'id'>): Promise<string> {
    const { events } = await this.#operator.readRolloutEvents(id);
    return events.map((event) => JSON.stringify(event)).join('\n');
  }

  /** What holds for every row whatever it is about; called when its story is over. */
  async requireSound(): Promise<void> {
    for (const id of this.#rollouts) {
      const { equal, differences } = await this.#operator.replayRollout(id);
      assert.deepEqual({ equal, differences }, { equal: true, differences: [] }, `replay of ${id}`);
    }
    for (const { name, log } of this.hosts) {
      assert.doesNotMatch(log, /because of a defect/, `the agent of ${name} has no defect`);
    }
  }

  describeLogs(): string {
    return this.hosts
      .flatMap(({ name, log }) => [`-- ${name}`, ...log.trimEnd().split('\n').slice(-LOG_TAIL_LINES)])
      .join('\n');
  }

  #host(index: number): SiteHost {
    const host = this.hosts[index];
    assert.ok(host !== undefined, `the row has a host ${index + 1}`);
    return host;
  }

  async #whatRuns(
    { stack }: SiteRelease,
    hosts: readonly SiteHost[],
  ): Promise<Map<SiteHost, readonly SeenContainer[]>> {
    return new Map(await Promise.all(hosts.map(async (host) => [host, await host.containers(stack)] as const)));
  }
}
