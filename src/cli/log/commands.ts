import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf, NexusError } from '../../domain/errors.ts';
import type { LogSource } from '../../main.ts';
import { collect, dataOption } from '../operator/arguments.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { option } from '../operator/option.ts';
import { CommandEnd, EXIT_FAILED } from '../terminal/exit-code.ts';
import { printJson, printLine, type Terminal } from '../terminal/terminal.ts';

interface LogFlags {
  readonly data?: string;
  readonly file?: string;
  readonly json?: boolean;
}

interface VerifyFlags extends LogFlags {
  readonly checkpoint?: readonly string[];
}

/** How every file of SQLite begins (https://www.sqlite.org/fileformat.html). */
const DATABASE_MAGIC = 'SQLite format 3\0';

function sourceOf(flags: LogFlags, terminal: Terminal): LogSource {
  const { file } = flags;
  if (file === undefined) return { directory: dataDirectoryOf(flags.data, terminal) };
  if (beginningOf(file, DATABASE_MAGIC.length) !== DATABASE_MAGIC) {
    throw new NexusError('usage', `--file is ${file}, which is not a database: name nexus.db, or a backup of it.`);
  }
  return { file };
}

function beginningOf(file: string, bytes: number): string {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const beginning = Buffer.alloc(bytes);
      return beginning.toString('latin1', 0, readSync(descriptor, beginning));
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new NexusError('usage', `--file is ${file}, which cannot be read: ${messageOf(error)}.`, { cause: error });
  }
}

function readCheckpoint(file: string): { file: string; text: string } {
  try {
    return { file, text: readFileSync(file, 'utf8') };
  } catch (error) {
    throw new NexusError('usage', `--checkpoint is ${file}, which cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

async function verify(terminal: Terminal, flags: VerifyFlags): Promise<void> {
  const checkpoints = (flags.checkpoint ?? []).map(readCheckpoint);
  const { verifyLog } = await import('../../main.ts');
  const { entries, uncovered, firstBad } = verifyLog(sourceOf(flags, terminal), checkpoints);
  if (flags.json) printJson(terminal, { ok: firstBad === null, entries, uncovered, first_bad: firstBad });
  else if (firstBad !== null) printLine(terminal, `Entry ${firstBad.id} is not in order: ${firstBad.why}.`);
  else {
    printLine(terminal, `The log is in order up to entry ${entries}.`);
    if (uncovered > 0) {
      printLine(terminal, `No hash covers the first ${uncovered}, which an older Nexus wrote.`);
    }
  }
  if (firstBad !== null) throw new CommandEnd(EXIT_FAILED);
}

async function checkpoint(terminal: Terminal, flags: LogFlags): Promise<void> {
  const { checkpointOf } = await import('../../main.ts');
  const text = checkpointOf(sourceOf(flags, terminal));
  if (flags.json) printJson(terminal, { checkpoint: text });
  else terminal.stdout.write(text);
}

function addSourceFlags(command: Command): Command {
  return command
    .addOption(dataOption())
    .addOption(
      option('--file <file>', 'a database instead, such as a backup', { completion: 'file' }).conflicts('data'),
    )
    .option('--json', 'print one JSON document');
}

export function addLogCommands(program: Command, terminal: Terminal): void {
  const log = program.command('log').description('prove that the log was not changed');
  addExamples(log, [['nexus log verify --checkpoint monday.txt', 'Verify the log, up to what was known on Monday']]);

  const verifying = addSourceFlags(log.command('verify'))
    .description('verify the hashes of the log, even while the server is running')
    .addOption(
      option('--checkpoint <file>', "an earlier output of 'nexus log checkpoint'; may be repeated", {
        completion: 'file',
      }).argParser(collect),
    )
    .action((flags: VerifyFlags) => verify(terminal, flags));
  addExamples(verifying, [
    ['nexus log verify', 'Find a changed, missing or swapped entry'],
    ['nexus log verify --file /backup/nexus-monday.db', 'Verify a backup'],
    ['nexus log verify --checkpoint monday.txt', 'Find also a log that was cut off or rewritten whole since Monday'],
  ]);

  const checkpointing = addSourceFlags(log.command('checkpoint'))
    .description('print the last entry and its hash, to keep elsewhere')
    .action((flags: LogFlags) => checkpoint(terminal, flags));
  addExamples(checkpointing, [
    ['nexus log checkpoint > monday.txt', 'Remember the log as it is now'],
    ['ssh-keygen -Y sign -n nexus.log -f ~/.ssh/id_ed25519 monday.txt', 'Sign what was printed'],
  ]);
}
