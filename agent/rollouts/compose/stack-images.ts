/**
 * The images of a stack's releases: which bytes each name stands for, and that those of kept releases stay on this host.
 * A name may stand for another image at any time; what a release runs is pinned by the engine's id of the image, and had
 * again by the digest under which a registry has it.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, NexusError } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import type { RunningImage } from '../../../src/domain/rollout.ts';
import { type FileSystem, isSystemError } from '../../disk/file-system.ts';
import { writeDurably } from '../../disk/write-durably.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { ProjectEngine } from '../../docker/project-engine.ts';
import type { StepLimit, StepOutcome } from '../activator.ts';
import { deployedContainers } from '../decide/read-project.ts';
import { type ProjectFiles, pullByDigestCommand, pullCommand } from './command.ts';
import { digestIn, needsPull, repositoryOf, splitReference } from './image-pins.ts';
import { type ComposeModel, listImages, type ServiceImage } from './model.ts';
import type { ReleaseCache } from './release-cache.ts';

const FILE_MODE = 0o600;
/** The repository of the names that this host's agent gives to images itself. */
const KEPT = 'nexus-kept';
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/;
const DONE: StepOutcome = { exitCode: 0, output: '' };

/** By the engine's id of an image: `repository@sha256:…`, by which a registry gives that very image. */
const sourcesSchema = z.record(z.string(), z.string());

/** What the canary ran, as digests by reference; null: no registry has that image. */
export type WantedDigests = Readonly<Record<string, string | null>>;
/** By service: the engine's id of the image that ran. */
export type RanImages = Readonly<Record<string, string>>;

export interface StackImagesOptions {
  readonly stack: string;
  /** The stack's own folder. */
  readonly folder: string;
  readonly files: FileSystem;
  readonly engine: ProjectEngine;
  readonly releases: ReleaseCache;
  /** Runs a command of the Docker CLI in the stack's folder. */
  readonly run: (args: readonly string[], limit: StepLimit) => Promise<StepOutcome>;
  readonly log: Log;
}

export class StackImages {
  readonly #options: StackImagesOptions;

  constructor(options: StackImagesOptions) {
    this.#options = options;
  }

  /** On the way forward: has the images that the release names, or those that the canary ran. */
  async fetch(
    release: string,
    model: ComposeModel,
    files: ProjectFiles,
    wanted: WantedDigests | null,
    limit: StepLimit,
  ): Promise<StepOutcome> {
    const { engine, run } = this.#options;
    const images = listImages(model);
    await this.#hold((await this.#running()).map(({ imageId }) => imageId));
    await this.#restoreNames(release, images);
    const byName: string[] = [];
    for (const image of images) {
      const digest = wanted?.[image.reference] ?? null;
      if (digest !== null) {
        const outcome = await this.#fetchByDigest(image.reference, digest, limit);
        if (outcome.exitCode !== 0) return outcome;
      } else if (needsPull(image, await engine.image(image.reference), false)) byName.push(image.service);
    }
    if (byName.length > 0) {
      const outcome = await run(pullCommand(files, byName), limit);
      if (outcome.exitCode !== 0) return outcome;
    }
    await this.#pin(release, images);
    return DONE;
  }

  /** On the way back: has the very images that ran, whatever their names stand for by now. */
  async recall(
    release: string,
    model: ComposeModel,
    files: ProjectFiles,
    ran: RanImages | null,
    limit: StepLimit,
  ): Promise<StepOutcome> {
    const { engine, releases, run } = this.#options;
    const stored = new Map((await releases.readPins(release)).map(({ reference, id }) => [reference, id]));
    const pins = new Map<string, string>();
    const unknown: string[] = [];
    for (const image of listImages(model)) {
      const id = ran?.[image.service] ?? stored.get(image.reference);
      if (id !== undefined) pins.set(image.reference, id);
      // The record was lost with the disk: what the name stands for is all there is.
      else if (needsPull(image, await engine.image(image.reference), true)) unknown.push(image.service);
    }
    for (const [reference, id] of pins) {
      const outcome = await this.#fetchAgain(reference, id, limit);
      if (outcome.exitCode !== 0) return outcome;
    }
    if (unknown.length > 0) {
      const outcome = await run(pullCommand(files, unknown), limit);
      if (outcome.exitCode !== 0) return outcome;
    }
    await releases.writePins(
      release,
      [...pins].map(([reference, id]) => ({ reference, id })),
    );
    return DONE;
  }

  /**
   * Makes every name of the release stand for the image that is pinned, as Compose goes by names. Throws `conflict` when
   * one is not on this host: nothing else is started in its place.
   */
  async demand(release: string): Promise<void> {
    const { engine, releases, log, stack } = this.#options;
    for (const { reference, id } of await releases.readPins(release)) {
      if ((await engine.image(reference))?.id === id) continue;
      if ((await engine.image(id)) === null) throw new NexusError('conflict', describeGone(reference, id));
      const split = splitReference(reference);
      if (split === null) continue;
      await engine.tag(id, split.repository, split.tag);
      log.info({ stack, release, image: reference, id }, 'the name refers to another image by now: it is set back');
    }
  }

  /** What the containers of each service run. */
  async describe(model: ComposeModel, containers: readonly ProjectContainer[]): Promise<RunningImage[]> {
    const described: RunningImage[] = [];
    for (const { service, reference } of listImages(model)) {
      const own = deployedContainers(containers).find((container) => container.service === service);
      if (own === undefined || !IMAGE_ID.test(own.imageId)) continue;
      const image = await this.#options.engine.image(own.imageId);
      const digest = image === null ? null : digestIn(image.repoDigests, reference);
      described.push({ service, reference, imageId: own.imageId, repoDigest: digest });
    }
    return described;
  }

  /** Lets go of every image that neither one of these releases nor a container of the stack runs. */
  async keepOnly(releases: readonly string[]): Promise<void> {
    const { engine, log, stack } = this.#options;
    try {
      const pins = await Promise.all(releases.map((release) => this.#options.releases.readPins(release)));
      const ids = new Set([
        ...pins.flat().map(({ id }) => id),
        ...(await this.#running()).map(({ imageId }) => imageId),
      ]);
      for (const keeper of await engine.keepers(stack)) if (!ids.has(keeper.imageId)) await engine.remove(keeper.id);
      const names = new Set([...ids].map((id) => `${KEPT}:${this.#tagOf(id)}`));
      const own = new RegExp(`^${KEPT}:${stack}-[0-9a-f]{64}$`);
      for (const name of await engine.tags(`${KEPT}:${stack}-*`)) {
        if (own.test(name) && !names.has(name)) await engine.untag(name);
      }
      await this.#writeSources(
        Object.fromEntries(Object.entries(await this.#readSources()).filter(([id]) => ids.has(id))),
      );
    } catch (error) {
      log.warn({ stack, reason: messageOf(error) }, 'images of releases that are no longer kept cannot be let go now');
    }
  }

  /** A prune takes names from images that it cannot remove: those that this release had once have them again. */
  async #restoreNames(release: string, images: readonly ServiceImage[]): Promise<void> {
    const { engine, releases } = this.#options;
    const pins = new Map((await releases.readPins(release)).map(({ reference, id }) => [reference, id]));
    for (const { reference } of images) {
      const [id, split] = [pins.get(reference), splitReference(reference)];
      if (id === undefined || split === null || (await engine.image(reference)) !== null) continue;
      if ((await engine.image(id)) !== null) await engine.tag(id, split.repository, split.tag);
    }
  }

  async #fetchByDigest(reference: string, digest: string, limit: StepLimit): Promise<StepOutcome> {
    const { engine, run, log, stack } = this.#options;
    const source = `${repositoryOf(reference)}@${digest}`;
    if ((await engine.image(source)) === null) {
      const outcome = await run(pullByDigestCommand(source), limit);
      if (outcome.exitCode !== 0) return outcome;
    }
    const image = await engine.image(source);
    const split = splitReference(reference);
    if (image === null || split === null || (await engine.image(reference))?.id === image.id) return DONE;
    await engine.tag(image.id, split.repository, split.tag);
    log.info({ stack, image: reference, digest }, 'the name stands for the image that the first host ran');
    return DONE;
  }

  async #fetchAgain(reference: string, id: string, limit: StepLimit): Promise<StepOutcome> {
    const { engine, run } = this.#options;
    if ((await engine.image(id)) !== null) return DONE;
    const source = (await this.#readSources())[id];
    if (source === undefined) {
      return {
        exitCode: 1,
        output: `${reference} cannot be pulled again: no digest is known under which a registry has it`,
      };
    }
    const { exitCode, output } = await run(pullByDigestCommand(source), limit);
    const words = output.replaceAll('\n', ' ').replace(/^Error response from daemon: /, '');
    if (exitCode !== 0) return { exitCode, output: `it cannot be pulled again as ${source}: ${words}` };
    if ((await engine.image(id)) !== null) return DONE;
    return { exitCode: 1, output: `${source} has been pulled again, and is another image to this engine` };
  }

  /** Notes which image each name stands for, where it can be had again, and keeps it from being pruned. */
  async #pin(release: string, images: readonly ServiceImage[]): Promise<void> {
    const { engine, releases } = this.#options;
    const pins = new Map<string, string>();
    for (const { reference } of images) {
      const image = await engine.image(reference);
      if (image !== null) pins.set(reference, image.id);
    }
    await this.#noteSources([...pins].map(([reference, id]) => ({ reference, id })));
    await releases.writePins(
      release,
      [...pins].map(([reference, id]) => ({ reference, id })),
    );
    for (const id of pins.values()) await this.#tag(id);
  }

  /** Keeps the images of what runs: once another release runs, nothing else would keep a prune from taking them. */
  async #hold(ids: readonly string[]): Promise<void> {
    const { engine, log, stack } = this.#options;
    for (const id of new Set(ids)) {
      const image = IMAGE_ID.test(id) ? await engine.image(id) : null;
      if (image === null) continue;
      await this.#tag(id);
      try {
        await engine.createKeeper(
          image,
          `nexus-keeps-${stack}-${id.slice('sha256:'.length, 'sha256:'.length + 12)}`,
          stack,
        );
      } catch (error) {
        log.warn({ stack, image: id, reason: messageOf(error) }, 'a prune of unused images could take this one');
      }
    }
  }

  /** With a name of its own an image is never dangling, and stays when its other names move on. */
  async #tag(id: string): Promise<void> {
    const { engine } = this.#options;
    const tag = this.#tagOf(id);
    if (IMAGE_ID.test(id) && (await engine.image(`${KEPT}:${tag}`)) === null) await engine.tag(id, KEPT, tag);
  }

  /** At most 128 characters, as the distribution specification allows, for the longest name of a stack. */
  #tagOf(id: string): string {
    return `${this.#options.stack}-${id.slice('sha256:'.length)}`;
  }

  async #running(): Promise<ProjectContainer[]> {
    const { engine, stack } = this.#options;
    return deployedContainers(await engine.containers(stack));
  }

  async #noteSources(pins: readonly { readonly reference: string; readonly id: string }[]): Promise<void> {
    const known = await this.#readSources();
    const sources = { ...known };
    for (const { reference, id } of pins) {
      const digest = digestIn((await this.#options.engine.image(id))?.repoDigests ?? [], reference);
      if (digest !== null) sources[id] = `${repositoryOf(reference)}@${digest}`;
    }
    await this.#writeSources(sources);
  }

  async #readSources(): Promise<Readonly<Record<string, string>>> {
    try {
      return sourcesSchema.parse(JSON.parse((await this.#options.files.readFile(this.#file)).toString()));
    } catch (error) {
      if (isSystemError(error, 'ENOENT') || error instanceof SyntaxError || error instanceof z.ZodError) return {};
      throw error;
    }
  }

  async #writeSources(sources: Readonly<Record<string, string>>): Promise<void> {
    await writeDurably(this.#options.files, this.#file, JSON.stringify(sources), FILE_MODE);
  }

  get #file(): string {
    return join(this.#options.folder, 'image-sources.json');
  }
}

function describeGone(reference: string, id: string): string {
  return `the image ${reference} that ran before (${id.slice(0, 'sha256:'.length + 12)}) is no longer on this host`;
}
