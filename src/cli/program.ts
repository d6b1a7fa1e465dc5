import { Command } from 'commander';
import { NEXUS_VERSION } from '../domain/version.ts';
import { addAgentCommand } from './agent/command.ts';
import { addCompletionCommand } from './completion/command.ts';
import { addEventCommands } from './event/commands.ts';
import { addHostCommands } from './host/commands.ts';
import { addLogCommands } from './log/commands.ts';
import { addExamples } from './operator/examples.ts';
import { describeArgument, describeOption } from './operator/option.ts';
import { addReleaseCommands } from './release/commands.ts';
import { addRolloutCommands } from './rollout/commands.ts';
import { addBackupCommand } from './server/backup.ts';
import { addExportCommand } from './server/export.ts';
import { addServeCommand } from './server/serve.ts';
import { paint, type Terminal } from './terminal/terminal.ts';
import { addTokenCommands } from './token/commands.ts';

/**
 * The tree of commands. It only declares them: what a command needs for its work is imported when it runs, so that
 * `--version`, `--help` and completion stay fast.
 */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('nexus')
    .description('Shows a fleet of Docker hosts, and deploys to them because of what it sees.')
    .version(NEXUS_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show the help of a command')
    // Options before a command belong to the program, those after it to the command: 'release create --version 1.4'.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('Add --help to see the usage of this command.')
    .configureHelp({
      styleTitle: (title) => paint(terminal, 'bold', title),
      optionDescription: describeOption,
      argumentDescription: describeArgument,
    })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    });
  addExamples(program, [
    ['nexus serve', 'Run the server on this machine'],
    ['nexus host add web-1 --token', 'Add a host and print the command that starts its agent'],
    ['nexus host list', 'List the fleet'],
    ['nexus rollout create shop@1.5 --selector role=web --watch', 'Bring a release to hosts, and watch'],
  ]);
  addServeCommand(program, terminal);
  addAgentCommand(program, terminal);
  addHostCommands(program, terminal);
  addTokenCommands(program, terminal);
  addReleaseCommands(program, terminal);
  addRolloutCommands(program, terminal);
  addEventCommands(program, terminal);
  addLogCommands(program, terminal);
  addBackupCommand(program, terminal);
  addExportCommand(program, terminal);
  addCompletionCommand(program, terminal);
  return program;
}
