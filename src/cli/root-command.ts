import { Command } from 'commander';
import { NEXUS_VERSION } from '../domain/version.ts';
import { describeArgument, describeOption } from './operator/option.ts';
import { paint, type Terminal } from './terminal/terminal.ts';

/** `nexus` without any commands yet: what holds for all of them. */
export function createRootCommand(terminal: Terminal): Command {
  return (
    new Command('nexus')
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
      })
  );
}
