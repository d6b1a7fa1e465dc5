import { Argument, type Command } from 'commander';
import { dataOption } from '../operator/arguments.ts';
import { completedBy } from '../operator/completion-source.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { printJson, printNote, type Terminal } from '../terminal/terminal.ts';

interface BackupFlags {
  readonly data?: string;
  readonly json?: boolean;
}

async function backUpTo(terminal: Terminal, file: string, flags: BackupFlags): Promise<void> {
  const directory = dataDirectoryOf(flags.data, terminal);
  const { backUp } = await import('../../main.ts');
  await backUp(directory, file);
  if (flags.json) printJson(terminal, { file });
  else
    printNote(
      terminal,
      `Backed up ${directory} to ${file}. To restore it, stop the server, replace nexus.db by the file, and remove nexus.db-wal and nexus.db-shm.`,
    );
}

export function addBackupCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('backup')
    .description('copy the database, even while the server is running')
    .addArgument(completedBy('file', new Argument('<file>', 'where to write the copy; must not exist yet')))
    .addOption(dataOption())
    .option('--json', 'print one JSON document')
    .action((file: string, flags: BackupFlags) => backUpTo(terminal, file, flags));
  addExamples(command, [
    ['nexus backup /backup/nexus-monday.db', 'Make a consistent, verified copy of a running server'],
  ]);
}
