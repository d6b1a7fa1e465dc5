/** The Docker Engine as a rollout needs it: the containers of a project, its images, and commands in a container. */
import * as z from 'zod';
import { NexusError } from '../../src/domain/errors.ts';
import { parseInstant } from '../../src/domain/instant.ts';
import { parseJson } from '../read-json.ts';
import { demultiplex, readStream } from './demultiplex.ts';
import type { Docker, DockerReply, DockerRequest } from './docker.ts';
import { parseExits } from './parse-exits.ts';
import { type Neighbour, parseNeighbours } from './parse-neighbours.ts';
import { parseContainerIds, parseProjectContainer } from './parse-project-container.ts';
import { KEEPS_LABEL, PROJECT_LABEL, type ProjectContainer } from './project-container.ts';

const INSPECTIONS_AT_ONCE = 6;
const REMOVE_LIMIT_MS = 30_000;

const imageSchema = z.object({
  Id: z.string().min(1),
  RepoDigests: z.array(z.string()).nullish(),
  Config: z.object({ Volumes: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});
const tagsSchema = z.array(z.object({ RepoTags: z.array(z.string()).nullish() }));
const keepersSchema = z.array(z.object({ Id: z.string().min(1), ImageID: z.string() }));
const infoSchema = z.object({ SystemTime: z.string(), Swarm: z.object({ LocalNodeState: z.string() }).nullish() });
const networkSchema = z.object({
  Id: z.string().min(1),
  Labels: z.record(z.string(), z.string()).nullish(),
  Containers: z.record(z.string(), z.object({ Name: z.string().default('') })).nullish(),
});
const createdSchema = z.object({ Id: z.string().min(1) });
const execSchema = z.object({ Running: z.boolean(), ExitCode: z.number().nullable() });

export interface LocalImage {
  readonly id: string;
  /** Under which registries have it, as `repository@sha256:…`; empty: it was built or loaded here. */
  readonly repoDigests: readonly string[];
  /** Paths that a container of it has volumes at, unless something else is there. */
  readonly volumes: readonly string[];
}

export interface EngineNetwork {
  readonly id: string;
  /** The Compose project that made it; null: none did. */
  readonly project: string | null;
  /** Running containers on it. */
  readonly attached: readonly { readonly id: string; readonly name: string }[];
}

export interface ExecResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Every method throws a NexusError when the engine does not answer, or when its answer cannot be used. */
export class ProjectEngine {
  readonly #docker: Docker;

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** All containers of a Compose project, stopped ones too, by name. */
  async containers(project: string): Promise<ProjectContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`${PROJECT_LABEL}=${project}`] }));
    const listed = await this.#docker.call({ method: 'GET', path: `/containers/json?all=true&filters=${filters}` });
    const ids = parseContainerIds(jsonOf(listed));
    if (ids === null) throw unreadable('list of containers', listed);
    const containers: ProjectContainer[] = [];
    for (let at = 0; at < ids.length; at += INSPECTIONS_AT_ONCE) {
      const some = ids.slice(at, at + INSPECTIONS_AT_ONCE).map((id) => this.#inspect(id));
      for (const container of await Promise.all(some)) if (container !== null) containers.push(container);
    }
    return containers.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** An image by name or id; null when it is not on this host. */
  async image(reference: string): Promise<LocalImage | null> {
    const reply = await this.#docker.call({ method: 'GET', path: `/images/${encodeURIComponent(reference)}/json` });
    if (reply.status === 404) return null;
    const { data } = imageSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable(`image ${reference}`, reply);
    const volumes = Object.keys(data.Config?.Volumes ?? {});
    return { id: data.Id, repoDigests: data.RepoDigests ?? [], volumes };
  }

  /** Gives an image one more name. */
  async tag(imageId: string, repository: string, tag: string): Promise<void> {
    const query = new URLSearchParams({ repo: repository, tag });
    await this.#demand({ method: 'POST', path: `/images/${encodeURIComponent(imageId)}/tag?${query}` });
  }

  /** The names of images that match a pattern of the Engine API, such as `shop/*:1`. */
  async tags(pattern: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ reference: [pattern] }));
    const reply = await this.#docker.call({ method: 'GET', path: `/images/json?filters=${filters}` });
    const { data } = tagsSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable('list of images', reply);
    return data.flatMap(({ RepoTags }) => RepoTags ?? []);
  }

  /** Takes a name from an image, which goes with its last name unless a container is made of it. */
  async untag(reference: string): Promise<void> {
    await this.#demand({ method: 'DELETE', path: `/images/${encodeURIComponent(reference)}` }, 404, 409);
  }

  /**
   * Makes a container that never runs, so that no prune of images takes its image; one of that name that is there already
   * is fine. It has no volumes, and no network.
   */
  async createKeeper({ id, volumes }: LocalImage, name: string, owner: string): Promise<void> {
    const body = {
      Image: id,
      Entrypoint: [],
      Cmd: ['true'],
      Labels: { [KEEPS_LABEL]: owner },
      Healthcheck: { Test: ['NONE'] },
      NetworkDisabled: true,
      HostConfig: { NetworkMode: 'none', Tmpfs: Object.fromEntries(volumes.map((path) => [path, ''])) },
    };
    await this.#demand({ method: 'POST', path: `/containers/create?${new URLSearchParams({ name })}`, body }, 409);
  }

  async keepers(owner: string): Promise<{ readonly id: string; readonly imageId: string }[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`${KEEPS_LABEL}=${owner}`] }));
    const reply = await this.#docker.call({ method: 'GET', path: `/containers/json?all=true&filters=${filters}` });
    const { data } = keepersSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable('list of containers', reply);
    return data.map(({ Id, ImageID }) => ({ id: Id, imageId: ImageID }));
  }

  /** Every container of the host, stopped ones too, as far as projects run into each other. */
  async neighbours(): Promise<Neighbour[]> {
    const reply = await this.#docker.call({ method: 'GET', path: '/containers/json?all=true' });
    const neighbours = parseNeighbours(jsonOf(reply));
    if (neighbours === null) throw unreadable('list of containers', reply);
    return neighbours;
  }

  /** A node of a swarm does not know the swarm's networks before it uses them: there, every network counts as present. */
  async hasNetwork(name: string): Promise<boolean> {
    if (await this.#has(`/networks/${encodeURIComponent(name)}`)) return true;
    return (await this.#info()).Swarm?.LocalNodeState === 'active';
  }

  hasVolume(name: string): Promise<boolean> {
    return this.#has(`/volumes/${encodeURIComponent(name)}`);
  }

  /**
   * With which codes containers of a project have ended, by id, the latest one last: as far back as the engine remembers
   * its events, which are the last few hundred of all its containers.
   */
  async exitCodes(project: string): Promise<Map<string, number[]>> {
    const filters = JSON.stringify({ type: ['container'], event: ['die'], label: [`${PROJECT_LABEL}=${project}`] });
    // By its own clock, until now: it answers with what it remembers then, and does not wait for more.
    const { SystemTime } = await this.#info();
    const query = new URLSearchParams({ since: '1', until: String((parseInstant(SystemTime) ?? 0) / 1000), filters });
    return parseExits((await this.#docker.call({ method: 'GET', path: `/events?${query}` })).body.toString());
  }

  /** The last lines of both streams of a container; empty where its log cannot be read. */
  async readLog(id: string, lines: number): Promise<string> {
    const path = `/containers/${id}/logs?stdout=true&stderr=true&tail=${lines}`;
    const reply = await this.#docker.call({ method: 'GET', path });
    if (reply.status !== 200) return '';
    return readStream(reply.body);
  }

  /** Removes a container but not its volumes; one that is already gone is fine. */
  async remove(id: string): Promise<void> {
    await this.#demand(
      { method: 'DELETE', path: `/containers/${id}?force=true`, timeoutMs: REMOVE_LIMIT_MS },
      404,
      409,
    );
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#demand({ method: 'POST', path: `/containers/${id}/rename?${new URLSearchParams({ name })}` }, 404);
  }

  /** A network by name; null when it is not there. */
  async network(name: string): Promise<EngineNetwork | null> {
    const reply = await this.#docker.call({ method: 'GET', path: `/networks/${encodeURIComponent(name)}` });
    if (reply.status === 404) return null;
    const { data } = networkSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable(`network ${name}`, reply);
    const attached = Object.entries(data.Containers ?? {}).map(([id, { Name }]) => ({ id, name: Name }));
    return { id: data.Id, project: data.Labels?.[PROJECT_LABEL] ?? null, attached };
  }

  /** Removes a network, from which running containers are taken off first; one that is already gone is fine. */
  async removeNetwork({ id, attached }: EngineNetwork): Promise<void> {
    for (const container of attached) {
      const body = { Container: container.id, Force: true };
      await this.#demand({ method: 'POST', path: `/networks/${id}/disconnect`, body }, 404);
    }
    await this.#demand({ method: 'DELETE', path: `/networks/${id}` }, 404);
  }

  /** Prepares a command in a running container; returns its id. */
  async createExec(containerId: string, command: readonly string[]): Promise<string> {
    const body = { Cmd: command, AttachStdout: true, AttachStderr: true };
    const reply = await this.#demand({ method: 'POST', path: `/containers/${containerId}/exec`, body });
    const { data } = createdSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable('answer to an exec', reply);
    return data.Id;
  }

  /** Runs it and waits for its end; throws after `timeoutMs`, while the command goes on. */
  async startExec(execId: string, timeoutMs: number): Promise<ExecResult> {
    const body = { Detach: false, Tty: false };
    const reply = await this.#demand({ method: 'POST', path: `/exec/${execId}/start`, body, timeoutMs });
    const output = demultiplex(reply.body);
    const { exitCode } = await this.inspectExec(execId);
    return { exitCode: exitCode ?? -1, output };
  }

  async inspectExec(execId: string): Promise<{ readonly isRunning: boolean; readonly exitCode: number | null }> {
    const reply = await this.#docker.call({ method: 'GET', path: `/exec/${execId}/json` });
    if (reply.status === 404) return { isRunning: false, exitCode: null };
    const { data } = execSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable('state of an exec', reply);
    return { isRunning: data.Running, exitCode: data.ExitCode };
  }

  async #info(): Promise<z.output<typeof infoSchema>> {
    const reply = await this.#docker.call({ method: 'GET', path: '/info' });
    const { data } = infoSchema.safeParse(jsonOf(reply));
    if (data === undefined) throw unreadable('description of itself', reply);
    return data;
  }

  async #has(path: string): Promise<boolean> {
    return (await this.#docker.call({ method: 'GET', path })).status !== 404;
  }

  /** Null when it is gone by now. */
  async #inspect(id: string): Promise<ProjectContainer | null> {
    const reply = await this.#docker.call({ method: 'GET', path: `/containers/${id}/json` });
    if (reply.status === 404) return null;
    const container = parseProjectContainer(jsonOf(reply));
    if (container === null) throw unreadable(`container ${id.slice(0, 12)}`, reply);
    return container;
  }

  async #demand(request: DockerRequest, ...fine: readonly number[]): Promise<DockerReply> {
    const reply = await this.#docker.call(request);
    if (reply.status < 400 || fine.includes(reply.status)) return reply;
    const said = z.object({ message: z.string() }).safeParse(jsonOf(reply)).data?.message ?? `status ${reply.status}`;
    throw new NexusError('conflict', `The Docker Engine refuses ${request.method} ${request.path}: ${said}`);
  }
}

function jsonOf({ body }: DockerReply): unknown {
  return parseJson(body.toString());
}

function unreadable(what: string, reply: DockerReply): NexusError {
  return new NexusError('invalid', `The Docker Engine's ${what} cannot be read (status ${reply.status})`);
}
