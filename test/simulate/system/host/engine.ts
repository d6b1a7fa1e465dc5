/**
 * A Docker Engine: containers, images and networks of one machine, behind the part of the Engine API that the agent
 * speaks. Compose changes it from inside (`attend`, then methods), the agent asks it from outside (`call`).
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { PROJECT_LABEL, SERVICE_LABEL } from '../../../../agent/docker/project-container.ts';
import { SystemError } from '../kernel/disk.ts';
import type { Machine, SimulatedProcess } from '../kernel/machine.ts';
import { type Behaviour, Container, type ContainerSpec } from './container.ts';

export interface EngineAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** `hung`: takes requests and answers none. `away`: nobody listens. */
export type EngineMood = 'well' | 'hung' | 'away';

interface Exec {
  readonly container: Container;
  /** Null while it runs. */
  exitCode: number | null;
}

interface LocalImage {
  readonly id: string;
  readonly behaviour: Behaviour;
}

/** Of a container that is created from outside of Compose. */
const createSchema = z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()) });

/** Docker's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

export class Engine {
  readonly machine: Machine;
  readonly containers = new Map<string, Container>();
  readonly networks = new Set<string>();
  /** Every request takes this many times as long. */
  slowness = 1;
  /** Asking for this container is not answered. */
  unreadable: Container | null = null;
  #mood: EngineMood = 'well';
  readonly #images = new Map<string, LocalImage>();
  readonly #names = new Map<string, string>();
  readonly #execs = new Map<string, Exec>();
  readonly #attending: (() => void)[] = [];
  #created = 0;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  get mood(): EngineMood {
    return this.#mood;
  }

  hang(): void {
    this.#mood = 'hung';
  }

  /** The daemon is gone, and its containers with it, as without live-restore. */
  stop(): void {
    this.#mood = 'away';
    for (const container of this.containers.values()) if (container.state !== 'exited') container.stop(137);
    for (const goOn of this.#attending.splice(0)) goOn();
  }

  /** It answers again; containers that are to be restarted are. */
  recover(): void {
    const wasAway = this.#mood === 'away';
    this.#mood = 'well';
    this.unreadable = null;
    for (const goOn of this.#attending.splice(0)) goOn();
    if (!wasAway) return;
    for (const container of this.containers.values()) {
      if (container.spec.restarts && container.startedAtMs !== null) container.start();
    }
  }

  /** Every container can be inspected again; who asked meanwhile gets an error. */
  release(): void {
    this.unreadable = null;
    for (const goOn of this.#attending.splice(0)) goOn();
  }

  /** A container of a project that nobody has deployed here by a release. */
  createStranger(project: string): Container {
    const labels = { [PROJECT_LABEL]: project, [SERVICE_LABEL]: 'intruder' };
    const spec = { labels, image: 'intruder', imageId: 'sha256:intruder', restarts: true, hasHealthcheck: false };
    const container = this.create(`${project}-intruder-1`, spec);
    container.start();
    return container;
  }

  /** Waits until the engine would carry out what comes next; throws when it is not there. */
  async attend(process: SimulatedProcess): Promise<void> {
    await process.elapse((0.5 + this.machine.random.next() * 4) * this.slowness);
    while (this.#mood === 'hung') {
      await new Promise<void>((resolve) => this.#attending.push(process.guard(resolve)));
    }
    if (this.#mood === 'away') throw new SystemError('ECONNREFUSED', 'connect', '/var/run/docker.sock');
  }

  ofProject(project: string): Container[] {
    return [...this.containers.values()].filter(({ spec }) => spec.labels[PROJECT_LABEL] === project);
  }

  /** The image that a name, or an id, stands for on this machine. */
  image(reference: string): LocalImage | undefined {
    return this.#images.get(this.#names.get(reference) ?? reference.slice(reference.indexOf('@') + 1));
  }

  addImage(reference: string, id: string, behaviour: Behaviour): void {
    this.#images.set(id, { id, behaviour });
    this.#names.set(reference, id);
  }

  /** Removes images that no container is made of, and the names of those. */
  pruneImages(): void {
    const used = new Set([...this.containers.values()].map(({ spec }) => spec.imageId));
    for (const id of [...this.#images.keys()]) if (!used.has(id)) this.#images.delete(id);
    for (const [name, id] of [...this.#names]) if (!this.#images.has(id)) this.#names.delete(name);
  }

  hasName(name: string): boolean {
    return [...this.containers.values()].some((container) => container.name === name);
  }

  create(name: string, spec: ContainerSpec): Container {
    this.#created += 1;
    const id = createHash('sha256').update(`${this.machine.name} ${this.#created}`).digest('hex');
    const behaviour = this.#images.get(spec.imageId)?.behaviour ?? 'steady';
    const container = new Container(id, name, spec, behaviour, this.machine);
    this.containers.set(id, container);
    return container;
  }

  remove(container: Container): void {
    container.stop(137);
    this.containers.delete(container.id);
  }

  /** One request of the Engine API, its version prefix left off. Throws as {@link attend}. */
  async call(process: SimulatedProcess, method: string, path: string, body?: unknown): Promise<EngineAnswer> {
    await this.attend(process);
    const url = new URL(path, 'http://docker');
    const [kind = '', id = '', action = ''] = url.pathname.slice(1).split('/').map(decodeURIComponent);
    if (kind === 'images') return this.#callImage(method, url.pathname.slice('/images/'.length), url.searchParams);
    if (kind === 'exec') return this.#callExec(process, id, action);
    if (kind === 'networks') return this.networks.has(id) ? { status: 200, body: { Name: id } } : notFound(path);
    if (kind === 'info') return { status: 200, body: { SystemTime: new Date(this.machine.wallMs()).toISOString() } };
    if (kind === 'events') return { status: 200, body: this.#tellExits(url.searchParams.get('filters')) };
    if (kind !== 'containers') return notFound(path);
    if (id === 'json') return { status: 200, body: this.#list(url.searchParams.get('filters')) };
    if (id === 'create') return this.#callCreate(url.searchParams.get('name') ?? '', body);
    const container = this.containers.get(id);
    if (container === undefined) return notFound(`container ${id}`);
    if (action === 'exec') return this.#createExec(container);
    if (action === 'logs') return { status: 200, body: Buffer.from(`${container.name} says nothing\n`) };
    if (method === 'DELETE') this.remove(container);
    else if (action === 'rename') container.name = url.searchParams.get('name') ?? container.name;
    else if (container === this.unreadable) return this.#hangOn(process);
    else return { status: 200, body: inspect(container) };
    return { status: 204, body: null };
  }

  #list(filters: string | null): unknown {
    const { label = [] } = JSON.parse(filters ?? '{}') as { label?: string[] };
    const matching = [...this.containers.values()].filter(({ spec }) =>
      label.every((wanted) => {
        const [key = '', value] = wanted.split('=');
        return spec.labels[key] === value;
      }),
    );
    return matching.map(({ id, name, spec }) => ({
      Id: id,
      Names: [`/${name}`],
      ImageID: spec.imageId,
      Labels: spec.labels,
    }));
  }

  /** The `die` events of the containers of a project. */
  #tellExits(filters: string | null): Buffer {
    const { label = [] } = JSON.parse(filters ?? '{}') as { label?: string[] };
    const project = label[0]?.slice(PROJECT_LABEL.length + 1) ?? '';
    const lines = this.ofProject(project).flatMap(({ id, exitCodes }) =>
      exitCodes.map((code) => JSON.stringify({ Actor: { ID: id, Attributes: { exitCode: String(code) } } })),
    );
    return Buffer.from(lines.join('\n'));
  }

  #callImage(method: string, rest: string, query: URLSearchParams): EngineAnswer {
    if (rest === 'json') return { status: 200, body: [{ RepoTags: [...this.#names.keys()] }] };
    if (method === 'DELETE') return this.#untag(decodeURIComponent(rest));
    const action = rest.slice(rest.lastIndexOf('/') + 1);
    const image = this.image(decodeURIComponent(rest.slice(0, -action.length - 1)));
    if (image === undefined) return notFound(`image ${rest}`);
    if (method === 'POST') {
      this.#names.set(`${query.get('repo')}:${query.get('tag')}`, image.id);
      return { status: 201, body: null };
    }
    const names = [...this.#names].filter(([name, id]) => id === image.id && name.startsWith('registry.test/'));
    const digests = names.map(([name]) => `${name.replace(/[:@].*$/, '')}@${image.id}`);
    return { status: 200, body: { Id: image.id, RepoDigests: [...new Set(digests)] } };
  }

  #untag(name: string): EngineAnswer {
    const id = this.#names.get(name);
    if (id === undefined) return notFound(`image ${name}`);
    this.#names.delete(name);
    const isNamed = [...this.#names.values()].includes(id);
    const isUsed = [...this.containers.values()].some(({ spec }) => spec.imageId === id);
    if (!isNamed && !isUsed) this.#images.delete(id);
    return { status: 200, body: [] };
  }

  #callCreate(name: string, body: unknown): EngineAnswer {
    if (this.hasName(name))
      return { status: 409, body: { message: `the container name "/${name}" is already in use` } };
    const { Image: image, Labels: labels } = createSchema.parse(body);
    const imageId = this.image(image)?.id;
    if (imageId === undefined) return notFound(`image ${image}`);
    const { id } = this.create(name, { labels, image, imageId, restarts: false, hasHealthcheck: false });
    return { status: 201, body: { Id: id } };
  }

  #createExec(container: Container): EngineAnswer {
    if (!container.isRunning) return { status: 409, body: { message: 'the container is not running' } };
    const id = `exec-${this.#execs.size + 1}`;
    this.#execs.set(id, { container, exitCode: null });
    return { status: 201, body: { Id: id } };
  }

  /** Every command is the same: it ends with 0 when its container is well. */
  async #callExec(process: SimulatedProcess, id: string, action: string): Promise<EngineAnswer> {
    const exec = this.#execs.get(id);
    if (exec === undefined) return notFound(`exec instance: ${id}`);
    if (action === 'json') {
      return { status: 200, body: { Running: exec.exitCode === null, ExitCode: exec.exitCode } };
    }
    await process.elapse(this.machine.random.between(5, 200));
    exec.exitCode = exec.container.isRunning && exec.container.isWell ? 0 : 1;
    return { status: 200, body: Buffer.alloc(0) };
  }

  #hangOn(process: SimulatedProcess): Promise<EngineAnswer> {
    return new Promise((resolve) => {
      this.#attending.push(process.guard(() => resolve({ status: 500, body: { message: 'it hung' } })));
    });
  }
}

function notFound(what: string): EngineAnswer {
  return { status: 404, body: { message: `No such ${what}` } };
}

/** As `GET /containers/{id}/json` has it. */
function inspect(container: Container): unknown {
  const { id, name, spec, state, health, exitCode, restartCount, createdAtMs, startedAtMs } = container;
  return {
    Id: id,
    Name: `/${name}`,
    Image: spec.imageId,
    Created: new Date(createdAtMs).toISOString(),
    RestartCount: restartCount,
    State: {
      Status: state,
      ExitCode: exitCode,
      StartedAt: startedAtMs === null ? NEVER : new Date(startedAtMs).toISOString(),
      ...(health === null ? {} : { Health: { Status: health, Log: [{ Output: `it is ${health}` }] } }),
    },
    Config: { Labels: spec.labels },
  };
}
