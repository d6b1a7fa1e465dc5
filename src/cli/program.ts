import type { Command } from 'commander';
import { addAgentCommand } from './agent/command.ts';
import { addBudgetCommands } from './budget/commands.ts';
import { addCompletionCommand } from './completion/command.ts';
import { addEventCommands } from './event/commands.ts';
import { addHostCommands } from './host/commands.ts';
import { addLogCommands } from './log/commands.ts';
import { addExamples } from './operator/examples.ts';
import { addReleaseCommands } from './release/commands.ts';
import { addRolloutCommands } from './rollout/commands.ts';
import { createRootCommand } from './root-command.ts';
import { addBackupCommand } from './server/backup.ts';
import { addExportCommand } from './server/export.ts';
import { addServeCommand } from './server/serve.ts';
import { addStackCommands } from './stack/commands.ts';
import type { Terminal } from './terminal/terminal.ts';
import { addTokenCommands } from './token/commands.ts';

/**
 * The tree of commands. It only declares them: what a command needs for its work is imported when it runs, so that
 * `--version`, `--help` and completion stay fast.
 */
export function createProgram(terminal: Terminal): Command {
  const program = createRootCommand(terminal);
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
  addStackCommands(program, terminal);
  addBudgetCommands(program, terminal);
  addEventCommands(program, terminal);
  addLogCommands(program, terminal);
  addBackupCommand(program, terminal);
  addExportCommand(program, terminal);
  addCompletionCommand(program, terminal);
  return program;
}
