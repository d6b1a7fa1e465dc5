/** The half of the agent that changes what runs: takes up releases that the server dispatches to this host. */
import { join } from 'node:path';
import { messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { type MonotonicClock, monotonicClock } from '../async/clock-reading.ts';
import { Semaphore } from '../async/semaphore.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { Docker } from '../docker/docker.ts';
import { ProjectEngine } from '../docker/project-engine.ts';
import { RolloutApi } from '../server/rollout-api.ts';
import type { ServerTransport } from '../server/transport.ts';
import type { Environment } from '../settings.ts';
import { endStrays } from './compose/end-strays.ts';
import { composeEnvironment } from './compose/environment.ts';
import { ComposeRunner } from './compose/runner.ts';
import { HostRollouts } from './host-rollouts.ts';
import { ServerViews } from './server-view.ts';

export interface RolloutsOptions {
  /** Left open when rollouts end. */
  readonly server: ServerTransport;
  /** Left open when rollouts end. */
  readonly docker: Docker;
  /** Absolute path of the engine's Unix socket, for the Docker CLI. */
  readonly dockerSocketPath: string;
  /** The agent's own; nobody else may use it at the same time. */
  readonly stateDir: string;
  readonly files: FileSystem;
  readonly env: Environment;
  readonly log: Log;
  readonly runtime: Runtime;
  /** See {@link MonotonicClock}. */
  readonly bootId: string;
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
  const { server, docker, dockerSocketPath, stateDir, files, env, log, runtime, bootId } = options;
  const api = new RolloutApi(server, signal);
  const engine = new ProjectEngine(docker);
  const program = env['NEXUS_AGENT_DOCKER_CLI'] || 'docker';
  const host = new HostRollouts({
    files,
    stacksFolder: join(stateDir, 'stacks'),
    api,
    views: new ServerViews(api),
    compose: new ComposeRunner(program, composeEnvironment(env, dockerSocketPath, stateDir), signal, runtime),
    engine,
    semaphore: new Semaphore(STACKS_AT_ONCE),
    clock: monotonicClock(runtime, bootId),
    runtime,
    log,
    signal,
    onUnauthorized,
  });
  try {
    await endStrays(stateDir, log, runtime);
    await host.run();
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'releases are not taken up any more, because of a defect in the agent');
  }
}
