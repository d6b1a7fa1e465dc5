import type { Command } from 'commander';
import {
  type AgentFlags,
  DEFAULT_DOCKER_HOST,
  DEFAULT_INTERVAL_SECONDS,
  resolveAgentSettings,
} from '../../../agent/settings.ts';
import { addExamples } from '../operator/examples.ts';
import { option } from '../operator/option.ts';
import { CommandEnd, EXIT_DONE } from '../terminal/exit-code.ts';
import { stopSignal } from '../terminal/stop-signal.ts';
import type { Terminal } from '../terminal/terminal.ts';

async function runAgentCommand(terminal: Terminal, flags: AgentFlags): Promise<void> {
  const settings = resolveAgentSettings(flags, terminal.env);
  const [{ createLog }, { runAgent }] = await Promise.all([
    import('../terminal/create-log.ts'),
    import('../../../agent/run-agent.ts'),
  ]);
  const log = createLog(terminal);
  const { runtime, stdout } = terminal;
  const code = await runAgent(settings, { log, runtime, signal: stopSignal(log), stdout });
  if (code !== EXIT_DONE) throw new CommandEnd(code);
}

export function addAgentCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('agent')
    .description('report this host and its containers to a server')
    .addOption(option('--url <url>', 'address of the server', { env: 'NEXUS_URL' }))
    .addOption(
      option('--token-file <file>', 'file with the token', { env: 'NEXUS_AGENT_TOKEN_FILE', completion: 'file' }),
    )
    .addOption(
      option('--ca <file>', 'CA of the server, in PEM', {
        default: 'the CAs that Node.js trusts',
        env: 'NEXUS_CA',
        completion: 'file',
      }),
    )
    .addOption(
      option('--interval-seconds <count>', 'time between reports', {
        default: String(DEFAULT_INTERVAL_SECONDS),
        env: 'NEXUS_AGENT_INTERVAL_SECONDS',
      }),
    )
    .addOption(
      option('--docker-host <address>', 'socket of Docker Engine', {
        default: DEFAULT_DOCKER_HOST,
        env: 'NEXUS_AGENT_DOCKER_HOST',
      }),
    )
    .addOption(
      option('--state-dir <dir>', 'where reports are kept while the server cannot be reached', {
        env: 'NEXUS_AGENT_STATE_DIR',
        completion: 'directory',
      }),
    )
    .addOption(option('--rollouts', 'activate releases that the server dispatches', { env: 'NEXUS_AGENT_ROLLOUTS=1' }))
    .option('--once', 'report once and exit')
    .option('--print-systemd-unit', 'print a hardened systemd unit and exit')
    .action((flags: AgentFlags) => runAgentCommand(terminal, flags));
  command.addHelpText(
    'after',
    '\nThe token comes from NEXUS_AGENT_TOKEN or from a file, never from an argument, which every user can read.\nExit codes: 0 done, 1 failed, 2 a setting is missing or wrong, 3 the server refuses the token.',
  );
  addExamples(command, [
    ['NEXUS_URL=https://nexus.example.com NEXUS_AGENT_TOKEN=… nexus agent', 'Report every 30 s until stopped'],
    ['nexus agent --url http://127.0.0.1:8470 --token-file ./token --once', 'Verify that a report arrives'],
    ['nexus agent --print-systemd-unit > /etc/systemd/system/nexus-agent.service', 'Install the agent as a service'],
  ]);
}
