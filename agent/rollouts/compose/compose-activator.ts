/** Activates releases with Docker Compose, on one engine. */
import { join } from 'node:path';
import { NexusError } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import type { RunningImage } from '../../../src/domain/rollout.ts';
import type { FileSystem } from '../../disk/file-system.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { ProjectEngine } from '../../docker/project-engine.ts';
import type { Listener } from '../../kernel/parse-listeners.ts';
import type { ServerTransport } from '../../server/transport.ts';
import type { Activator, StepLimit, StepOutcome } from '../activator.ts';
import type { Trouble } from '../decide/classify-trouble.ts';
import type { ExitCodes } from '../decide/crashes.ts';
import { findFallback } from '../decide/read-project.ts';
import type { Plan } from '../record/stack-record.ts';
import { findChangedNetworks } from './changed-networks.ts';
import {
  chooseLabels,
  findCandidates,
  findUnwell,
  type LabelChoice,
  parseHashes,
  refersToOthers,
  type ServiceHashes,
  type ServiceLabels,
} from './choose-labels.ts';
import { downCommand, hashCommand, renewCommand, upCommand } from './command.ts';
import { attribute, type DeploymentRecord, readDeployment, writeDeployment } from './deployment-record.ts';
import type { RunDocker } from './docker-cli.ts';
import { findObstacle, readNeeds } from './find-obstacle.ts';
import { type ComposeModel, labelServices, listImages } from './model.ts';
import { planCleanUp } from './plan-clean-up.ts';
import { type PreparedRelease, ReleaseCache } from './release-cache.ts';
import { locateRelease, type ProjectFile } from './release-folder.ts';
import type { CommandResult } from './run-command.ts';
import { StackFiles } from './stack-files.ts';
import { StackImages, type StackImagesOptions } from './stack-images.ts';
import { describeForgotten, findForgotten, type StackSource, shippedBelow } from './stack-sources.ts';

/** Compose gives up a moment before it is ended, and reports which container it waited for. */
const WAIT_MARGIN_MS = 1_000;
/** Compose looks for a file in the working directory and in those above it; there is none above the root. */
const NO_COMPOSE_FILE = '/';
const DONE: StepOutcome = { exitCode: 0, output: '' };

export interface ComposeActivatorOptions {
  /** Holds one folder for each stack. */
  readonly stacksFolder: string;
  readonly files: FileSystem;
  readonly server: ServerTransport;
  readonly engine: ProjectEngine;
  readonly runDocker: RunDocker;
  readonly log: Log;
  /** Sockets of the network namespace that this agent is in. */
  readonly readListeners: () => readonly Listener[];
  /** Ends commands that an earlier agent has left running. */
  readonly endOrphans: () => Promise<void>;
}

export class ComposeActivator implements Activator {
  readonly #options: ComposeActivatorOptions;

  constructor(options: ComposeActivatorOptions) {
    this.#options = options;
  }

  endOrphans(): Promise<void> {
    return this.#options.endOrphans();
  }

  async containers(stack: string): Promise<readonly ProjectContainer[]> {
    const { engine, files } = this.#options;
    return attribute(await engine.containers(stack), await readDeployment(files, this.#folderOf(stack)));
  }

  async prepare(stack: string, release: string, limit: StepLimit): Promise<Plan> {
    return (await this.#cacheOf(stack).prepare(release, limit)).plan;
  }

  async pull(
    stack: string,
    release: string,
    { onlyMissing, canary, ran }: Parameters<Activator['pull']>[2],
    limit: StepLimit,
  ): Promise<StepOutcome> {
    const cache = this.#cacheOf(stack);
    const { model, files, sources, shipped } = await cache.prepare(release, limit);
    if (!onlyMissing) await this.#requireSources(stack, sources, shipped);
    await cache.writeDeployed(release, labelServices(model, {}));
    const images = this.#imagesOf(stack);
    return onlyMissing
      ? images.recall(release, model, files, ran, limit)
      : images.fetch(release, model, files, canary, limit);
  }

  async images(stack: string, release: string): Promise<readonly RunningImage[]> {
    const model = await this.#cacheOf(stack).readModel(release);
    return model === null ? [] : this.#imagesOf(stack).describe(model, await this.containers(stack));
  }

  async findObstacle(stack: string, release: string, limit: StepLimit): Promise<Trouble | null> {
    const { engine, readListeners } = this.#options;
    const needs = readNeeds((await this.#cacheOf(stack).prepare(release, limit)).model);
    const facts = {
      neighbours: await engine.neighbours(),
      listeners: needs.ports.length === 0 ? [] : readListeners(),
      missingNetworks: await listMissing(needs.externalNetworks, (name) => engine.hasNetwork(name)),
      missingVolumes: await listMissing(needs.externalVolumes, (name) => engine.hasVolume(name)),
    };
    return findObstacle(stack, needs, facts);
  }

  async up(
    stack: string,
    release: string,
    { afresh, renew, except }: Parameters<Activator['up']>[2],
    limit: StepLimit,
  ): Promise<StepOutcome> {
    const { engine, files: disk } = this.#options;
    const folder = this.#folderOf(stack);
    const cache = this.#cacheOf(stack);
    const prepared = await cache.prepare(release, limit);
    const { model, files, plan, sources, shipped, removesStack } = prepared;
    if (removesStack) return this.down(stack, limit);
    await this.#cleanUp(stack, afresh);
    const state = { containers: await engine.containers(stack), deployment: await readDeployment(disk, folder) };
    const running = state.deployment?.release ?? findFallback(attribute(state.containers, null));
    await this.#layOut(stack, release, running, sources, shipped);
    const images = this.#imagesOf(stack);
    await images.demand(release);
    const replacedNetworks = await this.#replaceNetworks(stack, running, model);
    const labels = await this.#chooseLabels(stack, release, prepared, state, replacedNetworks, limit);
    await cache.writeDeployed(release, labelServices(model, labelsOf(labels)));
    await writeDeployment(disk, folder, { version: 1, release, services: labels });
    await this.#removeOthers(stack, release, except);
    const waitSeconds = Math.max(1, Math.floor((limit.limitMs - WAIT_MARGIN_MS) / 1000));
    const services = plan.services.map(({ name }) => name).filter((name) => !except.includes(name));
    const unwell = renew ? findUnwell(services, labelsOf(labels), state.containers) : [];
    if (unwell.length > 0) {
      const renewed = await this.#run(stack, renewCommand(files, waitSeconds, unwell), limit);
      if (renewed.exitCode !== 0) return renewed;
    }
    return this.#run(stack, upCommand(files, waitSeconds, except.length === 0 ? [] : services), limit);
  }

  async down(stack: string, limit: StepLimit): Promise<StepOutcome> {
    await this.#cleanUp(stack, false);
    return outcomeOf(await this.#options.runDocker(downCommand(stack), NO_COMPOSE_FILE, limit));
  }

  exitCodes(stack: string): Promise<ExitCodes> {
    return this.#options.engine.exitCodes(stack);
  }

  readLog(containerId: string, lines: number): Promise<string> {
    return this.#options.engine.readLog(containerId, lines);
  }

  async prune(stack: string, kept: readonly string[]): Promise<void> {
    await this.#imagesOf(stack).keepOnly(kept);
    await this.#cacheOf(stack).prune(kept);
  }

  #folderOf(stack: string): string {
    return join(this.#options.stacksFolder, stack);
  }

  #filesOf(stack: string): StackFiles {
    return new StackFiles({ ...this.#options, stack, folder: this.#folderOf(stack) });
  }

  #imagesOf(stack: string): StackImages {
    const releases = this.#cacheOf(stack);
    const run: StackImagesOptions['run'] = (args, limit) => this.#run(stack, args, limit);
    return new StackImages({ ...this.#options, stack, folder: this.#folderOf(stack), releases, run });
  }

  #cacheOf(stack: string): ReleaseCache {
    return new ReleaseCache({ ...this.#options, stack, folder: this.#folderOf(stack) });
  }

  /** Refuses what would start with an empty directory in the place of a file that was forgotten. */
  async #requireSources(
    stack: string,
    sources: readonly StackSource[],
    shipped: ReadonlyMap<string, ProjectFile>,
  ): Promise<void> {
    const place = this.#filesOf(stack);
    for (const source of findForgotten(sources, shipped)) {
      if (await place.has(source)) continue;
      throw new NexusError('invalid', describeForgotten(source));
    }
  }

  /** Has everything in the stack's folder that the containers of the release look for there. */
  async #layOut(
    stack: string,
    release: string,
    running: string | null,
    sources: readonly StackSource[],
    shipped: ReadonlyMap<string, ProjectFile>,
  ): Promise<void> {
    const place = this.#filesOf(stack);
    const mayHaveData = running === null ? await this.#cacheOf(stack).list() : [running];
    const oldProjects = mayHaveData.map((one) => locateRelease(this.#folderOf(stack), one).oldProject);
    await place.adopt(release, sources, oldProjects);
    await place.makeDevices(release, sources);
    await place.layOut(release, shippedBelow(shipped, sources));
  }

  /**
   * Removes the networks that the release defines otherwise than the one that runs, and returns their names in the Compose
   * file: Docker cannot change them. Their containers are made again, as their services are not left alone.
   */
  async #replaceNetworks(stack: string, running: string | null, model: ComposeModel): Promise<ReadonlySet<string>> {
    const { engine, log } = this.#options;
    const before = running === null ? null : await this.#cacheOf(stack).readModel(running);
    const changed = before === null ? [] : findChangedNetworks(before, model);
    for (const { name } of changed) {
      const network = await engine.network(name);
      if (network === null || network.project !== stack) continue;
      const own = new Set((await engine.containers(stack)).map(({ id }) => id));
      const others = network.attached.filter(({ id }) => !own.has(id)).map((container) => container.name);
      if (others.length > 0) {
        throw new NexusError(
          'invalid',
          `the release changes the network ${name}, which has to be made again for that, and containers of others are on it: ${others.join(', ')}. Take them off it, or give the changed network another name`,
        );
      }
      log.info({ stack, network: name }, 'the release changes this network: it is made again');
      await engine.removeNetwork(network);
    }
    return new Set(changed.map(({ key }) => key));
  }

  /** Which label each service gets, so that what does not change is left alone. */
  async #chooseLabels(
    stack: string,
    release: string,
    { model, files }: PreparedRelease,
    state: Pick<LabelChoice, 'containers' | 'deployment'>,
    replacedNetworks: ReadonlySet<string>,
    limit: StepLimit,
  ): Promise<DeploymentRecord['services']> {
    const hash = async (labels: ServiceLabels): Promise<ServiceHashes> => {
      await this.#cacheOf(stack).writeDeployed(release, labelServices(model, labels));
      const result = await this.#options.runDocker(hashCommand(files), this.#folderOf(stack), limit);
      const { exitCode, output } = outcomeOf(result);
      if (exitCode !== 0) throw new NexusError('conflict', output, { details: { exit_code: exitCode } });
      return parseHashes(result.stdout);
    };
    const candidates = findCandidates(model, state.containers);
    const hashes = Object.keys(candidates).length === 0 ? {} : await hash(candidates);
    const bareHashes = Object.values(model.services).some(refersToOthers) ? await hash({}) : {};
    const images: Record<string, string | null> = {};
    for (const { service, reference } of listImages(model)) {
      images[service] = (await this.#options.engine.image(reference))?.id ?? null;
    }
    const labels = chooseLabels({ ...state, model, release, candidates, hashes, bareHashes, images, replacedNetworks });
    return Object.fromEntries(
      Object.entries(labels).map(([service, label]) => [service, { label, hash: bareHashes[service] ?? null }]),
    );
  }

  /** Runs a command in the stack's folder. */
  async #run(stack: string, args: readonly string[], limit: StepLimit): Promise<StepOutcome> {
    return outcomeOf(await this.#options.runDocker(args, this.#folderOf(stack), limit));
  }

  /** Removes containers of other releases from services that are left alone: what they did is done. */
  async #removeOthers(stack: string, release: string, services: readonly string[]): Promise<void> {
    const { engine } = this.#options;
    for (const container of services.length === 0 ? [] : await this.containers(stack)) {
      if (services.includes(container.service) && container.release !== release && !container.isOneOff) {
        await engine.remove(container.id);
      }
    }
  }

  /** Cleans up after a Compose that was cut off. */
  async #cleanUp(stack: string, afresh: boolean): Promise<void> {
    const { engine, log } = this.#options;
    for (const step of planCleanUp(await engine.containers(stack), afresh)) {
      log.info({ stack, container: step.name, step: step.do }, 'cleaning up after an interrupted change');
      if (step.do === 'remove') await engine.remove(step.id);
      else await engine.rename(step.id, step.name);
    }
  }
}

async function listMissing(names: readonly string[], has: (name: string) => Promise<boolean>): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) if (!(await has(name))) missing.push(name);
  return missing;
}

function labelsOf(services: DeploymentRecord['services']): ServiceLabels {
  return Object.fromEntries(Object.entries(services).map(([service, { label }]) => [service, label]));
}

function outcomeOf({ exitCode, errorTail, stdout }: CommandResult): StepOutcome {
  return exitCode === 0 ? DONE : { exitCode, output: errorTail === '' ? stdout : errorTail };
}
