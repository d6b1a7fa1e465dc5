/** The half of the agent that changes what runs: takes up releases that the server dispatches to this host. */
import { messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { delay } from '../../src/runtime/wait.ts';
import { type MonotonicClock, monotonicClock } from '../async/clock-reading.ts';
import { Semaphore } from '../async/semaphore.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { SelfReport } from '../self-report.ts';
import { RolloutApi } from '../server/rollout-api.ts';
import type { ServerTransport } from '../server/transport.ts';
import type { Activator } from './activator.ts';
import { HostRollouts } from './host-rollouts.ts';
import type { OpenCheck } from './probes/check.ts';
import { ServerViews } from './server-view.ts';

/** What takes up releases on this host. */
export interface RolloutParts {
  readonly activator: Activator;
  readonly openCheck: OpenCheck;
  /** Below the state directory: one folder for each stack. */
  readonly stacksFolder: string;
  /** See {@link MonotonicClock}. */
  readonly bootId: string;
  /** What Compose calls its version; null when there is none. Never rejects. */
  readonly composeVersion: (signal: AbortSignal) => Promise<string | null>;
  /** Told what is found out here about Compose and epochs. */
  readonly self: SelfReport;
}

export interface RolloutsOptions extends RolloutParts {
  readonly server: ServerTransport;
  readonly files: FileSystem;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Called whenever the record of a stack changes. */
  readonly onSoak: (stack: string, isSoaking: boolean) => void;
}

export type RolloutsEnd = 'stopped' | 'unauthorized';

export interface Rollouts {
  /** Settles when rollouts were stopped or the server refuses the token. Never rejects. */
  readonly ended: Promise<RolloutsEnd>;
  /** Cuts off what is under way, for the next start to pick up, and waits until nothing is left running. */
  stop(): Promise<void>;
}

/** How many stacks are changed at the same time; the others wait. */
const STACKS_AT_ONCE = 2;
/** Somebody may install or update Compose while the agent runs. */
const COMPOSE_CHECK_MS = 600_000;

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
  const { server, stacksFolder, activator, openCheck, files, log, runtime, bootId, self, onSoak } = options;
  const api = new RolloutApi(server, signal);
  const host = new HostRollouts({
    files,
    stacksFolder,
    api,
    views: new ServerViews(api),
    activator,
    openCheck,
    semaphore: new Semaphore(STACKS_AT_ONCE),
    clock: monotonicClock(runtime, bootId),
    self,
    runtime,
    log,
    signal,
    onUnauthorized,
    onSoak,
  });
  try {
    await activator.endOrphans();
    await Promise.all([host.run(), watchCompose(options, signal)]);
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'releases are no longer taken up, because of a defect in the agent');
  }
}

async function watchCompose({ composeVersion, self, runtime }: RolloutsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const version = await composeVersion(signal);
    if (!signal.aborted) self.noteCompose(version);
    await delay(runtime, COMPOSE_CHECK_MS, signal);
  }
}
