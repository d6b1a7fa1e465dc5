/**
 * One life of the agent on a simulated host: the real agent, down to the file system, the way to the server, the engine's
 * API and Compose's command lines. Only what reads the kernel's files is replaced, by what the engine knows.
 */
import type { LockStateDir } from '../../../../agent/disk/lock-state-dir.ts';
import { ProjectEngine } from '../../../../agent/docker/project-engine.ts';
import { ComposeActivator } from '../../../../agent/rollouts/compose/compose-activator.ts';
import type { RunDocker } from '../../../../agent/rollouts/compose/docker-cli.ts';
import type { CommandResult } from '../../../../agent/rollouts/compose/run-command.ts';
import { systemChecks } from '../../../../agent/rollouts/probes/system-checks.ts';
// Loaded here, so that the agent, which loads it where it is wanted, does not wait for a disk.
import '../../../../agent/rollouts/start-rollouts.ts';
import { SelfReport } from '../../../../agent/self-report.ts';
import { startAgent } from '../../../../agent/start-agent.ts';
import { composeTick, rememberIdentities } from '../../../../agent/telemetry/compose-tick.ts';
import type { EncodedTick } from '../../../../agent/telemetry/outbox/outbox-tick.ts';
import type { TickSource } from '../../../../agent/telemetry/tick-source.ts';
import type { Log } from '../../../../src/domain/log.ts';
import { fileSystemOf } from '../kernel/file-system.ts';
import type { SimulatedProcess } from '../kernel/machine.ts';
import type { Network } from '../kernel/network.ts';
import { runCompose } from './compose.ts';
import { dockerOf } from './docker.ts';
import { observeHost } from './observe-host.ts';
import { serverTransportOf } from './server-transport.ts';
import type { SimulatedHost } from './simulated-host.ts';

const STATE_DIR = '/state';
export const OUTBOX_FOLDER = `${STATE_DIR}/outbox`;
export const STACKS_FOLDER = `${STATE_DIR}/stacks`;

export interface AgentLifeOptions {
  readonly host: SimulatedHost;
  readonly process: SimulatedProcess;
  readonly network: Network;
  readonly token: string;
  readonly intervalMs: number;
  readonly log: Log;
  /** Ends it in order. */
  readonly signal: AbortSignal;
  /** A tick has been taken, for delivery. */
  readonly onTick: (tick: EncodedTick) => void;
}

/** Returns the exit code. */
export function liveAgent(options: AgentLifeOptions): Promise<number> {
  const { host, process, network, token, intervalMs, log, signal } = options;
  const { runtime, machine } = process;
  const files = fileSystemOf(process, host.disk, host.pace);
  const server = serverTransportOf(process, network, token);
  const engine = new ProjectEngine(dockerOf(process, host.engine));
  const self = new SelfReport(machine.bootId, { rollouts: true });
  const endOrphans = async (): Promise<void> => host.endCommands();
  return startAgent({
    settings: { action: 'run', token, intervalMs, stateDir: STATE_DIR },
    runtime,
    log,
    files,
    lock: noOtherAgent,
    server,
    ticks: ticksOf(options, self),
    rollouts: {
      activator: new ComposeActivator({
        stacksFolder: STACKS_FOLDER,
        files,
        server,
        engine,
        runDocker: runDockerOf(options),
        log,
        readListeners: () => [],
        endOrphans,
      }),
      openCheck: systemChecks(engine, runtime),
      stacksFolder: STACKS_FOLDER,
      bootId: machine.bootId,
      composeVersion: async () => '2.26.1',
      self,
    },
    signal,
  });
}

const noOtherAgent: LockStateDir = async () => ({ release: async () => {} });

function ticksOf({ host, onTick }: AgentLifeOptions, self: SelfReport): TickSource {
  const identity = rememberIdentities();
  return {
    run: async () => {},
    prime: async () => {},
    collect: async (clock) => {
      const recordedAtMs = clock.takeMs();
      const tick = {
        recordedAtMs,
        json: Buffer.from(composeTick({ ...observeHost(host, recordedAtMs), agent: self.current() }, identity)),
      };
      onTick(tick);
      return tick;
    },
  };
}

/** Runs Compose as a process of its own, which an agent that is killed leaves behind. */
function runDockerOf({ host, process: agent }: AgentLifeOptions): RunDocker {
  return (args, _folder, { limitMs, signal }) =>
    new Promise((resolve) => {
      const command = host.spawnCommand();
      const finish = agent.guard((result: CommandResult) => {
        limit.cancel();
        signal.removeEventListener('abort', cutOff);
        command.kill();
        resolve(result);
      });
      const end = (errorTail: string): void => finish({ exitCode: -1, stdout: '', errorTail });
      const cutOff = (): void => end('it was cut off: the agent stops');
      const limit = agent.runtime.setTimer(limitMs, () => end(`it was ended after ${Math.round(limitMs / 1000)} s`));
      signal.addEventListener('abort', cutOff);
      void runCompose(command, args, host.composeParts).then(({ exitCode, stdout, stderr }) => {
        finish({ exitCode, stdout, errorTail: stderr });
        command.kill();
      });
    });
}
