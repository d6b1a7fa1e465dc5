/**
 * Docker Compose, as far as the agent's command lines use it: `version`, `config`, `pull`, `up` and `down` against a
 * simulated engine. Each runs as a process of its own, so it can be cut off between any two steps, and outlives an agent
 * that is killed.
 */
import { createHash } from 'node:crypto';
import {
  CONFIG_HASH_LABEL,
  ONE_OFF_LABEL,
  PROJECT_LABEL,
  REPLACE_LABEL,
  SERVICE_LABEL,
} from '../../../../agent/docker/project-container.ts';
import { messageOf } from '../../../../src/domain/errors.ts';
import type { Disk } from '../kernel/disk.ts';
import type { SimulatedProcess } from '../kernel/machine.ts';
import type { Container, ContainerSpec } from './container.ts';
import type { Engine } from './engine.ts';
import type { ImageCatalog } from './releases.ts';

/** Compose v2.30's file, of what releases in the simulation use. It is JSON, which is YAML too. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks?: Readonly<Record<string, { readonly external?: boolean }>>;
}

export interface ComposeService {
  readonly image: string;
  readonly pull_policy?: string;
  readonly restart?: string;
  readonly healthcheck?: unknown;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface CommandEnd {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What became of the projects on this machine; the oracle hears of it. */
export interface ComposeWatcher {
  /** `up` is about to change containers; `release` is the label that they get. */
  onUp(project: string, release: string | null): void;
  /** `up` has come to its end, well. */
  onUpDone(project: string, release: string | null): void;
  onDown(project: string): void;
}

export interface ComposeParts {
  readonly engine: Engine;
  readonly disk: Disk;
  readonly images: ImageCatalog;
  readonly watcher: ComposeWatcher;
}

/** What ends a command with an exit code of its own and a last line on stderr. */
class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

const LOOK_MS = 400;

/** Runs `docker <args>` to its end. Never settles when the process is killed. */
export async function runCompose(
  process: SimulatedProcess,
  args: readonly string[],
  parts: ComposeParts,
): Promise<CommandEnd> {
  const command = new ComposeCommand(process, readArguments(args), parts);
  try {
    return { exitCode: 0, stdout: await command.run(), stderr: '' };
  } catch (error) {
    return { exitCode: error instanceof CommandFailure ? error.exitCode : 1, stdout: '', stderr: messageOf(error) };
  }
}

interface Arguments {
  readonly project: string;
  readonly file: string | null;
  readonly verb: string;
  /** What follows the verb. */
  readonly rest: readonly string[];
}

function readArguments(args: readonly string[]): Arguments {
  const after = (flag: string): string | null => {
    const at = args.indexOf(flag);
    return at < 0 ? null : (args[at + 1] ?? null);
  };
  const at = args.findIndex((word) => ['version', 'config', 'pull', 'up', 'down'].includes(word));
  return {
    project: after('--project-name') ?? '',
    file: after('--file'),
    verb: args[at] ?? '',
    rest: args.slice(at + 1),
  };
}

class ComposeCommand {
  readonly #process: SimulatedProcess;
  readonly #args: Arguments;
  readonly #parts: ComposeParts;

  constructor(process: SimulatedProcess, args: Arguments, parts: ComposeParts) {
    this.#process = process;
    this.#args = args;
    this.#parts = parts;
  }

  async run(): Promise<string> {
    const { verb } = this.#args;
    await this.#process.elapse(20 + this.#process.machine.random.next() * 60);
    switch (verb) {
      case 'version':
        return '2.30.3\n';
      case 'config':
        if (this.#args.rest.includes('--hash')) return this.#hashes();
        return JSON.stringify({ name: this.#args.project, ...this.#readFile() });
      case 'pull':
        return this.#pull();
      case 'up':
        return this.#up();
      case 'down':
        return this.#down();
      default:
        throw new CommandFailure(125, `unknown docker command: "${verb}"`);
    }
  }

  #readFile(): ComposeFile {
    const { file } = this.#args;
    if (file === null) throw new CommandFailure(14, 'no configuration file provided: not found');
    try {
      return JSON.parse(this.#parts.disk.read(file).toString()) as ComposeFile;
    } catch (error) {
      throw new CommandFailure(15, `yaml: ${messageOf(error)}`);
    }
  }

  #hashes(): string {
    const lines = Object.entries(this.#readFile().services).map(([name, service]) => `${name} ${hashOf(service)}`);
    return `${lines.join('\n')}\n`;
  }

  async #pull(): Promise<string> {
    const { engine, images } = this.#parts;
    const { registry } = images;
    for (const reference of this.#listPulls()) {
      await engine.attend(this.#process);
      await this.#process.elapse(registry.delayMs(this.#process.machine.random.next()));
      const found = registry.resolve(reference);
      if ('refusal' in found) throw new CommandFailure(18, `Error response from daemon: ${found.refusal}`);
      await engine.attend(this.#process);
      engine.addImage(reference, found.id, images.behaviourOf(found.id));
    }
    return '';
  }

  async #up(): Promise<string> {
    const { engine, watcher } = this.#parts;
    const { project } = this.#args;
    const { services, networks = {} } = this.#readFile();
    const chosen = this.#args.rest.filter((word) => word in services);
    await engine.attend(this.#process);
    for (const [name, { external }] of Object.entries(networks)) {
      if (external === true && !engine.networks.has(name)) {
        throw new CommandFailure(1, `network ${name} declared as external, but could not be found`);
      }
    }
    const release = releaseOf(this.#args.file ?? '');
    watcher.onUp(project, release);
    for (const orphan of engine.ofProject(project)) {
      if ((orphan.spec.labels[SERVICE_LABEL] ?? '') in services) continue;
      await engine.attend(this.#process);
      engine.remove(orphan);
    }
    const running: Container[] = [];
    for (const [name, service] of Object.entries(services)) {
      if (chosen.length === 0 || chosen.includes(name)) running.push(await this.#converge(name, service, release));
    }
    for (const container of running) {
      await engine.attend(this.#process);
      this.#requirePresent(container);
      container.start();
    }
    const limitSeconds = Number(this.#args.rest[this.#args.rest.indexOf('--wait-timeout') + 1] ?? 60);
    await this.#waitUntilWell(running, limitSeconds * 1000);
    watcher.onUpDone(project, release);
    return '';
  }

  async #converge(name: string, service: ComposeService, release: string | null): Promise<Container> {
    const container = await this.#containerOf(name, service, release);
    container.broughtUpBy = release;
    return container;
  }

  /** Without a file it is `docker pull`, of one image. */
  #listPulls(): string[] {
    const { file, rest } = this.#args;
    if (file === null) return rest.slice(-1);
    const { services } = this.#readFile();
    return rest.flatMap((word) => services[word]?.image ?? []);
  }

  /** The one container of a service, made anew when what it is made of has changed. */
  async #containerOf(name: string, service: ComposeService, release: string | null): Promise<Container> {
    const { engine } = this.#parts;
    const { project } = this.#args;
    await engine.attend(this.#process);
    const image = engine.image(service.image);
    if (image === undefined) throw new CommandFailure(1, `Error response from daemon: No such image: ${service.image}`);
    const hash = hashOf(service);
    const spec: ContainerSpec = {
      labels: {
        ...service.labels,
        [PROJECT_LABEL]: project,
        [SERVICE_LABEL]: name,
        [ONE_OFF_LABEL]: 'False',
        [CONFIG_HASH_LABEL]: hash,
      },
      image: service.image,
      imageId: image.id,
      restarts: service.restart === 'unless-stopped',
      hasHealthcheck: service.healthcheck !== undefined,
    };
    const finalName = `${project}-${name}-1`;
    const known = engine.ofProject(project).filter(({ spec: { labels } }) => labels[SERVICE_LABEL] === name);
    const [old] = known;
    if (old === undefined) return this.#create(finalName, spec, release);
    if (old.spec.labels[CONFIG_HASH_LABEL] === hash && old.spec.imageId === image.id) return old;
    // Compose v2 replaces a container in these steps, and may be cut off between any two of them.
    const replacing = { ...spec, labels: { ...spec.labels, [REPLACE_LABEL]: old.id } };
    const made = await this.#create(`${old.id.slice(0, 12)}_${finalName}`, replacing, release);
    await engine.attend(this.#process);
    old.stop(143);
    await engine.attend(this.#process);
    engine.remove(old);
    await engine.attend(this.#process);
    if (engine.hasName(finalName)) throw nameTaken(finalName);
    made.name = finalName;
    return made;
  }

  async #create(name: string, spec: ContainerSpec, release: string | null): Promise<Container> {
    const { engine } = this.#parts;
    await engine.attend(this.#process);
    if (engine.hasName(name)) throw nameTaken(name);
    const container = engine.create(name, spec);
    container.broughtUpBy = release;
    return container;
  }

  #requirePresent({ id }: Container): void {
    if (!this.#parts.engine.containers.has(id)) throw new CommandFailure(1, `No such container: ${id}`);
  }

  async #waitUntilWell(containers: readonly Container[], limitMs: number): Promise<void> {
    const { engine } = this.#parts;
    const dueMs = this.#process.runtime.monotonicMs() + limitMs;
    for (;;) {
      await engine.attend(this.#process);
      for (const container of containers) {
        this.#requirePresent(container);
        const { name, state, health, exitCode } = container;
        if (state === 'exited') throw new CommandFailure(1, `container ${name} exited (${exitCode})`);
        if (health === 'unhealthy') throw new CommandFailure(1, `container ${name} is unhealthy`);
      }
      if (containers.every(({ isRunning, health }) => isRunning && health !== 'starting')) return;
      if (this.#process.runtime.monotonicMs() >= dueMs) {
        throw new CommandFailure(1, `application not healthy after ${limitMs / 1000}s`);
      }
      await this.#process.elapse(LOOK_MS);
    }
  }

  async #down(): Promise<string> {
    const { engine, watcher } = this.#parts;
    const { project } = this.#args;
    await engine.attend(this.#process);
    watcher.onDown(project);
    for (const container of engine.ofProject(project)) {
      await engine.attend(this.#process);
      container.stop(143);
      await engine.attend(this.#process);
      engine.remove(container);
    }
    return '';
  }
}

function hashOf(service: ComposeService): string {
  return createHash('sha256').update(JSON.stringify(service)).digest('hex');
}

/** The release whose file it is, by the folder that an agent keeps it in. */
function releaseOf(file: string): string | null {
  const hex = /\/releases\/([0-9a-f]{64})\//.exec(file)?.[1];
  return hex === undefined ? null : `sha256:${hex}`;
}

function nameTaken(name: string): CommandFailure {
  return new CommandFailure(1, `Error response from daemon: Conflict. The container name "/${name}" is already in use`);
}
