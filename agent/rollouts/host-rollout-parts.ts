import { join } from 'node:path';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { Docker } from '../docker/docker.ts';
import { ProjectEngine } from '../docker/project-engine.ts';
import { type Listener, parseListeners } from '../kernel/parse-listeners.ts';
import { SmallFileReader } from '../kernel/small-file-reader.ts';
import type { SelfReport } from '../self-report.ts';
import type { ServerTransport } from '../server/transport.ts';
import type { Environment } from '../settings.ts';
import { ComposeActivator } from './compose/compose-activator.ts';
import { type RunDocker, readComposeVersion } from './compose/docker-cli.ts';
import { endOrphans } from './compose/end-orphans.ts';
import { composeEnvironment } from './compose/environment.ts';
import { runCommand } from './compose/run-command.ts';
import { systemChecks } from './probes/system-checks.ts';
import type { RolloutParts } from './start-rollouts.ts';

const LISTENER_FILES = [
  { name: 'tcp', protocol: 'tcp' },
  { name: 'tcp6', protocol: 'tcp' },
  { name: 'udp', protocol: 'udp' },
  { name: 'udp6', protocol: 'udp' },
] as const;

export interface HostRolloutOptions {
  /** Absolute path of the engine's Unix socket, for the Docker CLI. */
  readonly dockerSocketPath: string;
  readonly stateDir: string;
  readonly env: Environment;
  readonly files: FileSystem;
  readonly server: ServerTransport;
  readonly docker: Docker;
  readonly bootId: string;
  readonly self: SelfReport;
  readonly log: Log;
  readonly runtime: Runtime;
}

/** What takes up releases on this machine: Docker Compose, and probes over its network and its engine. */
export function hostRolloutParts(options: HostRolloutOptions): RolloutParts {
  const { dockerSocketPath, stateDir, env, docker, bootId, self, log, runtime } = options;
  const stacksFolder = join(stateDir, 'stacks');
  const engine = new ProjectEngine(docker);
  const kernelFiles = new SmallFileReader();
  const readListeners = (): Listener[] =>
    LISTENER_FILES.flatMap(({ name, protocol }) =>
      parseListeners(kernelFiles.tryRead(`/proc/net/${name}`) ?? '', protocol),
    );
  const program = env['NEXUS_AGENT_DOCKER_CLI'] || 'docker';
  const environment = composeEnvironment(env, dockerSocketPath, stateDir);
  const runDocker: RunDocker = (args, cwd, limit) =>
    runCommand(program, args, { cwd, env: environment, runtime, ...limit });
  return {
    activator: new ComposeActivator({
      ...options,
      stacksFolder,
      engine,
      runDocker,
      readListeners,
      endOrphans: () => endOrphans(stateDir, log, runtime),
    }),
    openCheck: systemChecks(engine, runtime),
    composeVersion: (signal) => readComposeVersion(runDocker, signal),
    stacksFolder,
    bootId,
    self,
  };
}
