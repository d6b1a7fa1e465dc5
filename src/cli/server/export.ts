import { once } from 'node:events';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { messageOf, NexusError } from '../../domain/errors.ts';
import { parseInstant } from '../../domain/instant.ts';
import { completedBy } from '../operator/completion-source.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { readDuration, readPointInTime } from '../terminal/duration.ts';
import { printNote, type Terminal } from '../terminal/terminal.ts';

const FORMATS = ['csv', 'parquet', 'prometheus'] as const;

interface ExportFlags {
  readonly data?: string;
  readonly format: (typeof FORMATS)[number];
  readonly host?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly step?: string;
  readonly output?: string;
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function readTime(flag: string, text: string | undefined, nowMs: number, fallbackMs: number): number {
  if (text === undefined) return fallbackMs;
  return parseInstant(readPointInTime(flag, text, nowMs)) ?? fallbackMs;
}

/** Writes under another name first, so that a file of the wanted name is always a whole one. */
async function intoFile(
  file: string,
  write: (sink: (piece: string | Uint8Array) => void) => Promise<void>,
): Promise<void> {
  if (existsSync(file)) {
    throw new NexusError('conflict', `${file} exists already: choose another name, or remove it first`);
  }
  const partial = `${file}.partial-${process.pid}`;
  try {
    const descriptor = openSync(partial, 'wx', 0o600);
    try {
      await write((piece) => {
        const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      });
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    if (error instanceof NexusError) throw error;
    throw new NexusError('store_unavailable', `cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function exportTo(terminal: Terminal, flags: ExportFlags): Promise<void> {
  const directory = dataDirectoryOf(flags.data, terminal);
  const nowMs = terminal.clock.nowMs();
  const request = {
    hosts: flags.host ?? [],
    fromMs: readTime('--from', flags.from, nowMs, 0),
    toMs: readTime('--to', flags.to, nowMs, nowMs),
    stepMs: flags.step === undefined ? null : readDuration('--step', flags.step) * 1000,
  };
  if (flags.format === 'parquet' && flags.output === undefined && terminal.stdout.isTTY === true) {
    throw new NexusError('usage', 'Parquet is no text for a terminal: name a file with --output FILE, or pipe it.');
  }
  const { createLog } = await import('../terminal/create-log.ts');
  const { exportHistory } = await import('../../main.ts');
  const log = createLog(terminal);
  const { output } = flags;
  let damaged = 0;
  if (output !== undefined) {
    await intoFile(output, async (sink) => {
      damaged = (await exportHistory(directory, flags.format, request, sink, log)).damaged;
    });
    printNote(terminal, `Exported to ${output}.`);
  } else {
    const sink = async (piece: string | Uint8Array): Promise<void> => {
      if (!terminal.stdout.write(piece)) await once(terminal.stdout, 'drain');
    };
    damaged = (await exportHistory(directory, flags.format, request, sink, log)).damaged;
  }
  if (damaged > 0)
    printNote(terminal, `${damaged} damaged chunks of history were left out: nexus event list shows which.`);
}

export function addExportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .description('write history out, also while the server runs')
    .addOption(new Option('--format <format>', 'what is written').choices(FORMATS).makeOptionMandatory())
    .addOption(completedBy('directory', new Option('--data <dir>', 'data directory of the server (NEXUS_DATA)')))
    .addOption(new Option('--host <name>', 'of this host alone; may be given several times').argParser(collect))
    .option('--from <when>', 'how long ago (1h, 7d) or an ISO 8601 time; the beginning when not given')
    .option('--to <when>', 'likewise; now when not given')
    .option('--step <duration>', 'one row per step (60s, 1h), also of times kept no finer; every sample when not given')
    .addOption(
      completedBy('file', new Option('--output <file>', 'where it goes; must not exist. Stdout when not given')),
    )
    .action((flags: ExportFlags) => exportTo(terminal, flags));
  addExamples(command, [
    ['nexus export --format csv --from 24h > samples.csv', 'Every sample of the last day'],
    ['nexus export --format parquet --step 1h --output hours.parquet', 'All history in steps of an hour'],
    [
      'nexus export --format prometheus --host web-1 --output web-1.om',
      'For promtool tsdb create-blocks-from openmetrics',
    ],
  ]);
}
