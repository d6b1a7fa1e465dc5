/** One server and one agent per host, all as processes of their own, on the lab's networks and engines. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import type { HostState } from '../../../src/domain/rollout.ts';
import type { ManifestBody } from '../../../src/wire/release.ts';
import type { RolloutBody, RolloutHostBody } from '../../../src/wire/rollout.ts';
import { HUNG_AFTER_MS, waitUntil } from '../../runtime/wait-until.ts';
import { explainFailure } from './afterwards.ts';
import { readStack } from './deployed-stack.ts';
import { nexusCommand } from './nexus-command.ts';
import { NexusServer, scratchDirectory } from './nexus-server.ts';
import { RolloutAgent } from './rollout-agent.ts';
import type { LabPlace, RolloutLab } from './rollout-lab.ts';

/** Rarer than the default: the servers have little enough of the processor. */
const POLL_MS = 150;
/** As it is delivered. */
const AGENT_RATE_LIMIT = 60;
const AGENT_INTERVAL_SECONDS = 2;
const LOG_TAIL_LINES = 40;

export interface FleetHost extends LabPlace {
  readonly name: string;
  readonly agent: RolloutAgent;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class LiveFleet {
  readonly hosts: readonly FleetHost[];
  readonly dataDir: string;
  readonly #test: TestContext;
  readonly #operator: NexusClient;
  #server: NexusServer;

  private constructor(test: TestContext, server: NexusServer, hosts: readonly FleetHost[]) {
    this.#test = test;
    this.#server = server;
    this.dataDir = server.dataDir;
    this.#operator = server.operator(test);
    this.hosts = hosts;
  }

  /** Hosts `NAME-1`, `NAME-2`… labelled `fleet=NAME`, one at each place, all of them online. */
  static async start(
    test: TestContext,
    lab: RolloutLab,
    name: string,
    places: readonly LabPlace[] = lab.places,
  ): Promise<LiveFleet> {
    const dataDir = path.join(scratchDirectory(test), 'data');
    const listen = `${lab.network.serverAddress}:0`;
    const server = await NexusServer.start(test, { dataDir, listen, agentRateLimit: AGENT_RATE_LIMIT });
    const operator = server.operator(test);
    const startHost = async (place: LabPlace, index: number): Promise<FleetHost> => {
      const hostName = `${name}-${index + 1}`;
      // As short as it can be, so that a partition is noticed within a test's patience.
      const traits = { labels: { fleet: name }, offline_after_seconds: 10 };
      const { token } = await operator.createHost({ name: hostName, token: true, ...traits });
      assert.ok(token !== undefined, 'a token was asked for');
      const env = {
        NEXUS_AGENT_TOKEN: token.token,
        NEXUS_AGENT_INTERVAL_SECONDS: String(AGENT_INTERVAL_SECONDS),
      };
      const agent = await RolloutAgent.start(test, place.engine, new URL(server.url), { env, network: 'engine' });
      return { ...place, name: hostName, agent };
    };
    const fleet = new LiveFleet(test, server, await Promise.all(places.map(startHost)));
    explainFailure(test, () => fleet.describeLogs());
    await fleet.until('every host to be online', async () => {
      const { hosts } = await operator.listHosts();
      return hosts.every(({ status }) => status === 'online');
    });
    return fleet;
  }

  get operator(): NexusClient {
    return this.#operator;
  }

  get server(): NexusServer {
    return this.#server;
  }

  host(index: number): FleetHost {
    const host = this.hosts[index];
    assert.ok(host !== undefined, `there is a host ${index}`);
    return host;
  }

  /** One command of an operator on the server's machine. */
  command(...args: readonly string[]): Promise<CommandEnd> {
    const { file, args: before } = nexusCommand();
    return new Promise((resolve) => {
      const all = [...before, ...args, '--data', this.dataDir];
      const child = execFile(file, all, { env: {}, timeout: HUNG_AFTER_MS }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
    });
  }

  /** A command that must succeed; returns its stdout without the last line break. */
  async nexus(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(...args);
    assert.equal(code, 0, `nexus ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  }

  /** Returns its digest. */
  async createRelease(manifest: ManifestBody): Promise<string> {
    return (await this.#operator.createRelease(manifest)).digest;
  }

  /** To all hosts, the first one before the others; returns its id. */
  async begin(release: string, hosts: readonly FleetHost[] = this.hosts): Promise<string> {
    const waves = [{ count: 1 }, { percent: 100 }];
    const names = hosts.map(({ name }) => name);
    return (await this.#operator.createRollout({ release, hosts: names, waves })).id;
  }

  until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    return waitUntil(what, probe, POLL_MS);
  }

  /** Until the rollout is as `holds` wants it; a server that is away meanwhile is waited for. */
  rolloutUntil(what: string, id: string, holds: (rollout: RolloutBody) => boolean): Promise<RolloutBody> {
    return this.until(what, async () => {
      const rollout = await this.#operator.getRollout(id);
      if (holds(rollout)) return rollout;
      throw new Error(describeRollout(rollout));
    });
  }

  reaches(id: string, state: RolloutBody['state']): Promise<RolloutBody> {
    return this.rolloutUntil(`the rollout to be ${state}`, id, (rollout) => rollout.state === state);
  }

  async hostReaches(
    id: string,
    { name }: Pick<FleetHost, 'name'>,
    ...states: readonly HostState[]
  ): Promise<RolloutHostBody> {
    const isThere = (rollout: RolloutBody): RolloutHostBody | undefined =>
      rollout.hosts.find((host) => host.name === name && states.includes(host.state));
    const rollout = await this.rolloutUntil(
      `${name} to be ${states.join(' or ')}`,
      id,
      (now) => isThere(now) !== undefined,
    );
    const host = isThere(rollout);
    assert.ok(host !== undefined);
    return host;
  }

  /** A power cut of the server. */
  killServer(): Promise<void> {
    return this.#server.kill();
  }

  /** On the same data and the same address as before. */
  async startServer(): Promise<void> {
    const { dataDir, url } = this.#server;
    const listen = new URL(url).host;
    this.#server = await NexusServer.start(this.#test, { dataDir, listen, agentRateLimit: AGENT_RATE_LIMIT });
    await this.#server.waitUntilReady();
  }

  /** The log of every rollout, folded from nothing, gives what is stored. */
  async requireReplayEqual(): Promise<void> {
    const { rollouts } = await this.#operator.listRollouts();
    assert.ok(rollouts.length > 0, 'there is something to replay');
    for (const { id } of rollouts) {
      const { equal, differences } = await this.#operator.replayRollout(id);
      assert.deepEqual({ equal, differences }, { equal: true, differences: [] }, `replay of ${id}`);
    }
  }

  describeLogs(): string {
    const server = this.#server.log().map(({ level, msg, reason }) => `${level} ${msg} ${reason ?? ''}`);
    const parts = this.hosts.map(({ name, agent }) => [`-- ${name}`, ...tailOf(agent.log.split('\n'))]);
    return [...parts.flat(), '-- server', ...tailOf(server)].join('\n');
  }
}

function tailOf(lines: readonly string[]): readonly string[] {
  return lines.slice(-LOG_TAIL_LINES);
}

function describeRollout(rollout: RolloutBody): string {
  const hosts = rollout.hosts.map(({ name, state, held_by }) => {
    const hold = held_by === null ? '' : ` (held by ${held_by.gate}: ${held_by.reason})`;
    return `${name} is ${state}${hold}`;
  });
  return `${rollout.stack} ${rollout.version} is ${rollout.state}; ${hosts.join('; ')}`;
}

/** A release as an engine shows it: the digest of its label and the image of every service. */
export interface ReleaseTraits {
  readonly name: string;
  readonly digest: string;
  /** Ids of images by service. */
  readonly images: Readonly<Record<string, string>>;
}

/**
 * The one release that all containers of the stack on a host belong to by their labels and by their images alike, all
 * of them running and none of them missing. Null: nothing is there. Throws where two are mixed.
 */
export async function requireWhole(
  { name, engine }: Pick<FleetHost, 'name' | 'engine'>,
  stack: string,
  releases: readonly ReleaseTraits[],
): Promise<string | null> {
  const containers = await readStack(engine, stack);
  if (containers.length === 0) return null;
  // A release leaves alone what it does not change, so labels of earlier releases may be among those of its containers.
  const seen = containers.map(({ name: container, state, imageId: image }) => ({ name: container, state, image }));
  const whole = ({ images }: ReleaseTraits) =>
    Object.keys(images)
      .sort()
      .map((service) => ({ name: `${stack}-${service}-1`, state: 'running', image: images[service] }));
  const labels = new Set(containers.map((container) => container.release));
  const release =
    releases.find((one) => labels.has(one.digest) && isDeepStrictEqual(seen, whole(one))) ??
    releases.findLast(({ digest }) => labels.has(digest));
  assert.ok(release !== undefined, `${name} runs ${[...labels].join()}, which nobody has rolled out`);
  assert.deepEqual(seen, whole(release), `${name} runs ${release.name}, whole and alone`);
  return release.name;
}
