import { once } from 'node:events';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf, NexusError } from '../../domain/errors.ts';
import { STEP_SECONDS } from '../../domain/history-query.ts';
import { parseInstant } from '../../domain/instant.ts';
import { plural } from '../../domain/words.ts';
import { collect, dataOption, hostOption } from '../operator/arguments.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { option } from '../operator/option.ts';
import { readDuration, readTimeSpan, type SpanFlags } from '../terminal/duration.ts';
import { printNote, type Terminal } from '../terminal/terminal.ts';

const FORMATS = ['csv', 'parquet', 'prometheus'] as const;

interface ExportFlags extends SpanFlags {
  readonly data?: string;
  readonly format: (typeof FORMATS)[number];
  readonly host?: readonly string[];
  readonly step?: string;
  readonly output?: string;
}

/** Writes under another name first, so that a file of the final name is always complete. */
async function intoFile(
  file: string,
  write: (sink: (piece: string | Uint8Array) => void) => Promise<void>,
): Promise<void> {
  if (existsSync(file)) {
    throw new NexusError('conflict', `${file} exists already: choose another name, or remove the file first.`);
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
    throw new NexusError(
      'store_unavailable',
      `${file} cannot be written: ${messageOf(error)}. Nothing was exported: choose another place, or make room there.`,
      { cause: error },
    );
  }
}

async function exportTo(terminal: Terminal, flags: ExportFlags): Promise<void> {
  const directory = dataDirectoryOf(flags.data, terminal);
  const nowMs = terminal.runtime.nowMs();
  const { from, to } = readTimeSpan(flags, nowMs);
  const request = {
    hosts: flags.host ?? [],
    fromMs: parseInstant(from ?? '') ?? 0,
    toMs: parseInstant(to ?? '') ?? nowMs,
    stepMs: flags.step === undefined ? null : readDuration('--step', flags.step, STEP_SECONDS) * 1000,
  };
  if (flags.format === 'parquet' && flags.output === undefined && terminal.stdout.isTTY === true) {
    throw new NexusError(
      'usage',
      'Parquet is a binary format, and the output is a terminal: name a file with --output FILE, or pipe the output.',
    );
  }
  const { exportHistory } = await import('../../main.ts');
  const { output } = flags;
  let damaged = 0;
  if (output !== undefined) {
    await intoFile(output, async (sink) => {
      damaged = (await exportHistory(directory, flags.format, request, sink)).damaged;
    });
    printNote(terminal, `Exported to ${output}.`);
  } else {
    const sink = async (piece: string | Uint8Array): Promise<void> => {
      if (!terminal.stdout.write(piece)) await once(terminal.stdout, 'drain');
    };
    damaged = (await exportHistory(directory, flags.format, request, sink)).damaged;
  }
  if (damaged > 0)
    printNote(terminal, `${plural(damaged, 'damaged chunk')} of history left out. To see which: nexus event list`);
}

export function addExportCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('export')
    .description('export history, even while the server is running')
    .addOption(option('--format <format>', 'format of the output').choices(FORMATS).makeOptionMandatory())
    .addOption(dataOption())
    .addOption(hostOption('only this host; may be repeated').argParser(collect))
    .addOption(
      option('--from <when>', 'how long ago, for example 1h or 7d, or an ISO 8601 time', { default: 'the beginning' }),
    )
    .addOption(option('--to <when>', 'how long ago, or an ISO 8601 time', { default: 'now' }))
    .addOption(option('--step <duration>', 'one row per step, for example 60s or 1h', { default: 'every sample' }))
    .addOption(
      option('--output <file>', 'file to write; must not exist yet', { default: 'stdout', completion: 'file' }),
    )
    .action((flags: ExportFlags) => exportTo(terminal, flags));
  addExamples(command, [
    ['nexus export --format csv --from 24h > samples.csv', 'Export every sample of the last day'],
    ['nexus export --format parquet --step 1h --output hours.parquet', 'Export all history in steps of an hour'],
    [
      'nexus export --format prometheus --host web-1 --output web-1.om',
      'Export for promtool tsdb create-blocks-from openmetrics',
    ],
  ]);
}
