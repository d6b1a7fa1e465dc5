import { Argument, type Command, Option } from 'commander';
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
      `Backed up ${directory} to ${file}. To restore: stop the server, put the file in place of nexus.db, remove nexus.db-wal and nexus.db-shm.`,
    );
}

export function addBackupCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('backup')
    .description('copy the database, also while the server runs')
    .addArgument(completedBy('file', new Argument('<file>', 'where the copy goes; must not exist')))
    .addOption(completedBy('directory', new Option('--data <dir>', 'data directory of the server (NEXUS_DATA)')))
    .option('--json', 'print one JSON document')
    .action((file: string, flags: BackupFlags) => backUpTo(terminal, file, flags));
  addExamples(command, [['nexus backup /backup/nexus-monday.db', 'A consistent, checked copy of a running server']]);
}
