/** The half of the agent that changes what runs: takes up releases that the server dispatches to this host. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/domain/clock.ts';
import { assertNever, messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { DispatchBody } from '../../src/wire/agent-event.ts';
import { stackSchema } from '../../src/wire/release.ts';
import { planBackoffMs } from '../delivery/plan-backoff.ts';
import { pause } from '../pause.ts';
import type { Environment } from '../settings.ts';
import { noteRegression } from './advance-record.ts';
import { composeEnvironment } from './compose-environment.ts';
import { ComposeRunner } from './compose-runner.ts';
import { DispatchPoll } from './dispatch-poll.ts';
import { endStrays } from './end-strays.ts';
import { judgeOffer } from './judge-offer.ts';
import { Lane } from './lane.ts';
import { ProjectEngine } from './project-engine.ts';
import { findFallback } from './read-project.ts';
import { RolloutApi } from './rollout-api.ts';
import { ServerViews } from './server-view.ts';
import { type Stack, type StackCommons, startStack } from './stack.ts';
import { systemMoments } from './system-moments.ts';
import { takeOffer } from './take-offer.ts';

export interface RolloutsOptions {
  /** http(s), without credentials; the same as for telemetry. */
  readonly url: URL;
  readonly token: string;
  /** Absolute path of the engine's Unix socket. */
  readonly dockerSocketPath: string;
  /** The agent's own; nobody else may use it at the same time. */
  readonly stateDir: string;
  readonly env: Environment;
  readonly log: Log;
  readonly clock: Clock;
}

export type RolloutsEnd = 'stopped' | 'unauthorized';

export interface Rollouts {
  /** Settles when it was stopped, or when the server refuses the token. Never rejects. */
  readonly ended: Promise<RolloutsEnd>;
  /** Cuts off what is under way, which the next start picks up, and waits until nothing is left running. */
  stop(): Promise<void>;
}

/** Stacks that are changed at the same time; the rest wait their turn. */
const STACKS_AT_ONCE = 2;
const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
const TROUBLE_MS = 30_000;

export function startRollouts(options: RolloutsOptions): Rollouts {
  const stopping = new AbortController();
  const { promise: ended, resolve: end } = Promise.withResolvers<RolloutsEnd>();
  const onUnauthorized = (): void => {
    end('unauthorized');
    stopping.abort();
  };
  const running = run(options, stopping.signal, onUnauthorized).then(() => end('stopped'));
  return {
    ended,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function run(options: RolloutsOptions, signal: AbortSignal, onUnauthorized: () => void): Promise<void> {
  const { url, token, dockerSocketPath, stateDir, env, log, clock } = options;
  const api = new RolloutApi(url, token);
  const engine = new ProjectEngine(dockerSocketPath);
  const program = env['NEXUS_AGENT_DOCKER_CLI'] || 'docker';
  const host = new HostRollouts({
    stacksFolder: join(stateDir, 'stacks'),
    api,
    views: new ServerViews(api),
    compose: new ComposeRunner(program, composeEnvironment(env, dockerSocketPath, stateDir), signal),
    engine,
    lane: new Lane(STACKS_AT_ONCE),
    moments: systemMoments(clock),
    log,
    random: Math.random,
    signal,
    onUnauthorized,
  });
  signal.addEventListener('abort', () => void api.close(), { once: true });
  try {
    await endStrays(stateDir, log);
    await host.run();
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'releases are not taken up any more, because of a defect in the agent');
  } finally {
    await api.close();
    await engine.close();
  }
}

/** All stacks of this host, and what comes for them. */
class HostRollouts {
  readonly #commons: StackCommons;
  readonly #stacks = new Map<string, Promise<Stack>>();
  /** The last dispatch that was refused, so that each is said once. */
  #refused = '';

  constructor(commons: StackCommons) {
    this.#commons = commons;
  }

  /** Until the signal aborts. What a crash has left is picked up from disk first, with or without the server. */
  async run(): Promise<void> {
    const { api, log, random, signal, onUnauthorized } = this.#commons;
    await this.#openFolders();
    const poll = new DispatchPoll({
      api,
      log,
      random,
      onDispatch: (dispatch) => this.#take(dispatch),
      onReachable: () => void this.#noteReachable(),
      onUnauthorized,
    });
    await Promise.all([this.#openKnownToServer(), poll.run(signal)]);
    for (const stack of this.#stacks.values()) await (await stack).ended;
  }

  /** Every stack that this agent has a folder of; tried until the state directory can be used. */
  async #openFolders(): Promise<void> {
    const { stacksFolder, signal, log } = this.#commons;
    while (!signal.aborted) {
      try {
        await mkdir(stacksFolder, { recursive: true, mode: 0o700 });
        for (const name of await readdir(stacksFolder)) {
          if (stackSchema.safeParse(name).success) await this.#stack(name);
        }
        return;
      } catch (error) {
        log.error(
          { directory: stacksFolder, reason: messageOf(error) },
          'releases cannot be taken up: they need a state directory that can be read and written. Trying again',
        );
        await pause(TROUBLE_MS, signal);
      }
    }
  }

  /** Stacks that the server expects something of and that left no folder: the disk was lost. */
  async #openKnownToServer(): Promise<void> {
    const { views, signal, random, onUnauthorized } = this.#commons;
    for (let failures = 1; !signal.aborted; failures++) {
      const refreshed = await views.refresh();
      if (refreshed.kind === 'unauthorized') return onUnauthorized();
      if (refreshed.kind === 'known') {
        for (const { stack } of refreshed.state.rollouts) {
          if (stackSchema.safeParse(stack).success) await this.#stack(stack);
        }
        return;
      }
      await pause(Math.min(MAX_BACKOFF_MS, planBackoffMs(failures, BACKOFF_BASE_MS, random())), signal);
    }
  }

  #stack(name: string): Promise<Stack> {
    const known = this.#stacks.get(name);
    if (known !== undefined) return known;
    const starting = startStack(name, this.#commons);
    this.#stacks.set(name, starting);
    starting.catch(() => this.#stacks.delete(name));
    return starting;
  }

  async #noteReachable(): Promise<void> {
    for (const stack of await Promise.allSettled(this.#stacks.values())) {
      if (stack.status === 'fulfilled') stack.value.sender.noteReachable();
    }
  }

  async #take(dispatch: DispatchBody): Promise<void> {
    const { engine, moments, log } = this.#commons;
    const { store, sender } = await this.#stack(dispatch.stack);
    const { rollout_id, regressed, stack, release, epoch } = dispatch;
    const fields = { stack, rollout_id, release, epoch };
    const verdict = judgeOffer(store.record, dispatch);
    switch (verdict.kind) {
      case 'known':
        if (regressed !== undefined)
          await store.update((record) => noteRegression(record, rollout_id, regressed.reason));
        return;
      case 'over':
      case 'busy':
        sender.doubt();
        return;
      case 'refuse':
        if (this.#refused !== `${rollout_id} ${epoch}`)
          log.warn({ ...fields, reason: verdict.reason }, 'a dispatch is refused');
        this.#refused = `${rollout_id} ${epoch}`;
        return;
      case 'take': {
        const fallback = findFallback(await engine.containers(stack));
        await store.update((record) =>
          judgeOffer(record, dispatch).kind === 'take' ? takeOffer(record, dispatch, fallback, moments.now()) : record,
        );
        return;
      }
      default:
        return assertNever(verdict);
    }
  }
}
