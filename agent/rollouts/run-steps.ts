/** Carries out the steps that change what runs. What each comes to is a value; nothing here decides anything. */
import { assertNever, messageOf, NexusError } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { ProjectEngine } from '../docker/project-engine.ts';
import { downCommand, pullCommand, upCommand } from './compose/command.ts';
import { needsPull, splitReference } from './compose/image-pins.ts';
import { listImages } from './compose/model.ts';
import type { PreparedRelease, ReleaseCache } from './compose/release-cache.ts';
import type { CommandResult } from './compose/run-command.ts';
import type { ComposeRunner } from './compose/runner.ts';
import type { Action } from './decide/action.ts';
import { planTidying } from './decide/plan-tidying.ts';

export type StepAction = Extract<Action, { readonly do: 'prepare' | 'pull' | 'up' | 'down' }>;

export type StepResult =
  | { readonly ok: true; readonly prepared: PreparedRelease | null }
  | { readonly ok: false; readonly exitCode: number; readonly output: string; readonly isFinal: boolean };

/** Compose gives up by itself a moment before it is ended, and says which container it waited for. */
const WAIT_MARGIN_MS = 1_000;
/** Without a file of its own, Compose takes one from the working directory or any above it; the root has none above. */
const NO_COMPOSE_FILE = '/';
const DONE: StepResult = { ok: true, prepared: null };

export interface StepRunnerOptions {
  readonly stack: string;
  /** The stack's own folder. */
  readonly folder: string;
  readonly cache: ReleaseCache;
  readonly compose: ComposeRunner;
  readonly engine: ProjectEngine;
  readonly log: Log;
  /** The server refused the token while a release was fetched. */
  readonly onUnauthorized: () => void;
}

export class StepRunner {
  readonly #options: StepRunnerOptions;

  constructor(options: StepRunnerOptions) {
    this.#options = options;
  }

  /** Never throws: what the step stumbled over is its result. */
  async run(action: StepAction): Promise<StepResult> {
    try {
      return await this.#run(action);
    } catch (error) {
      const code = error instanceof NexusError ? error.code : null;
      if (code === 'unauthorized') this.#options.onUnauthorized();
      const exitCode = error instanceof NexusError ? error.details['exit_code'] : undefined;
      return {
        ok: false,
        exitCode: typeof exitCode === 'number' ? exitCode : -1,
        output: messageOf(error),
        isFinal: code === 'invalid',
      };
    }
  }

  async #run(action: StepAction): Promise<StepResult> {
    const { cache, stack, folder, compose } = this.#options;
    switch (action.do) {
      case 'prepare':
        return { ok: true, prepared: await cache.prepare(action.release, action.limitMs) };
      case 'pull':
        return this.#pull(action.release, action.onlyMissing, action.limitMs);
      case 'up': {
        const { files } = await cache.prepare(action.release, action.limitMs);
        await this.#tidy(action.afresh);
        const waitSeconds = Math.max(1, Math.floor((action.limitMs - WAIT_MARGIN_MS) / 1000));
        return resultOf(await compose.run(upCommand(files, waitSeconds), folder, action.limitMs));
      }
      case 'down':
        await this.#tidy(false);
        return resultOf(await compose.run(downCommand(stack), NO_COMPOSE_FILE, action.limitMs));
      default:
        return assertNever(action);
    }
  }

  async #pull(release: string, onlyMissing: boolean, limitMs: number): Promise<StepResult> {
    const { cache, engine, compose, folder } = this.#options;
    const { model, files } = await cache.prepare(release, limitMs);
    if (onlyMissing) await this.#restoreNames(release);
    const images = listImages(model);
    const services: string[] = [];
    for (const image of images) {
      if (needsPull(image, await engine.image(image.reference), onlyMissing)) services.push(image.service);
    }
    if (services.length > 0) {
      const result = resultOf(await compose.run(pullCommand(files, services), folder, limitMs));
      if (!result.ok) return result;
    }
    if (!onlyMissing) await this.#pinImages(release, new Set(images.map(({ reference }) => reference)));
    return DONE;
  }

  /** Remembers which image each name stands for: a tag may have moved when this release is gone back to. */
  async #pinImages(release: string, references: ReadonlySet<string>): Promise<void> {
    const { cache, engine } = this.#options;
    const pins: { reference: string; id: string }[] = [];
    for (const reference of references) {
      const image = await engine.image(reference);
      if (image !== null) pins.push({ reference, id: image.id });
    }
    await cache.writePins(release, pins);
  }

  /** Gives the names back to the images that they stood for, as far as those are still on this host. */
  async #restoreNames(release: string): Promise<void> {
    const { cache, engine, log, stack } = this.#options;
    for (const { reference, id } of await cache.readPins(release)) {
      const split = splitReference(reference);
      if (split === null || (await engine.image(reference))?.id === id || (await engine.image(id)) === null) continue;
      await engine.tag(id, split.repository, split.tag);
      log.info({ stack, release, image: reference, id }, 'the name stands for another image by now: it is given back');
    }
  }

  /** Puts in order what a Compose that was cut off has left. */
  async #tidy(afresh: boolean): Promise<void> {
    const { engine, stack, log } = this.#options;
    for (const tidying of planTidying(await engine.containers(stack), afresh)) {
      log.info({ stack, container: tidying.name, step: tidying.do }, 'tidying up after an interrupted change');
      if (tidying.do === 'remove') await engine.remove(tidying.id);
      else await engine.rename(tidying.id, tidying.name);
    }
  }
}

function resultOf({ exitCode, errorTail, stdout }: CommandResult): StepResult {
  if (exitCode === 0) return DONE;
  return { ok: false, exitCode, output: errorTail === '' ? stdout : errorTail, isFinal: false };
}
