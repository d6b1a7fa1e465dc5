import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, hostOption, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { printable } from '../terminal/printable.ts';
import { UNKNOWN } from '../terminal/quantity.ts';
import { paint, printJson, printLine, printNote, type Style, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';

interface ListFlags extends OperatorFlags {
  readonly after?: string;
  readonly limit?: string;
  readonly host?: string;
  readonly follow?: true;
}

const PAGE_SIZE = 1_000;
const POLL_INTERVAL_MS = 1_000;

const KIND_STYLES: Readonly<Record<string, Style>> = {
  host_offline: 'red',
  container_unhealthy: 'red',
  host_recovered: 'green',
  container_recovered: 'green',
};

function readWholeNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) {
    throw new NexusError('usage', `${flag} is '${text}', which is no whole number: give the id of an event, like 42.`);
  }
  return Number(text);
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Columns of fixed width rather than a table: lines appear as they happen, and the log has no end to wait for. */
function eventLine(terminal: Terminal, event: LogEventBody, time: string): string {
  const facts = Object.entries(event.data).map(([key, value]) => `${key}=${formatValue(value)}`);
  const rollout = event.rollout_id === null ? [] : [`rollout=${event.rollout_id}`];
  const kind = printable(event.kind).padEnd(20);
  const style = KIND_STYLES[event.kind];
  return [
    String(event.id).padStart(6),
    time,
    style === undefined ? kind : paint(terminal, style, kind),
    printable(event.host ?? UNKNOWN).padEnd(20),
    printable([...rollout, ...facts].join(' ')),
  ]
    .join('  ')
    .trimEnd();
}

interface Cursor {
  after: number;
  /** Events still wanted. */
  left: number;
}

/** Yields page by page up to the end of the log as it is now, moving `cursor` along. */
async function* pagesToTheEnd(client: NexusClient, cursor: Cursor, host: string | undefined) {
  while (cursor.left > 0) {
    const limit = Math.min(PAGE_SIZE, cursor.left);
    const page = await client.readEvents({ after: cursor.after, limit, host });
    cursor.left -= page.events.length;
    const moved = page.next > cursor.after;
    cursor.after = page.next;
    yield page.events;
    if (!moved) return;
  }
}

/** A server that restarts is no reason to stop watching; every other failure is. */
async function followOnce(
  client: NexusClient,
  cursor: Cursor,
  host: string | undefined,
  print: (event: LogEventBody) => void,
): Promise<NexusError | undefined> {
  try {
    for await (const events of pagesToTheEnd(client, cursor, host)) events.forEach(print);
    return undefined;
  } catch (error) {
    const passing = error instanceof NexusError && (error.code === 'unreachable' || error.code === 'overloaded');
    if (!passing) throw error;
    return error;
  }
}

async function follow(terminal: Terminal, client: NexusClient, cursor: Cursor, flags: ListFlags): Promise<void> {
  const print = (event: LogEventBody): void => {
    // JSON Lines: a stream that does not end is no single document.
    printLine(terminal, flags.json ? JSON.stringify(event) : eventLine(terminal, event, event.at));
  };
  let waiting = false;
  while (cursor.left > 0) {
    const failure = await followOnce(client, cursor, flags.host, print);
    if (failure !== undefined && !waiting) printNote(terminal, `${failure.message} Waiting for it.`);
    if (failure === undefined && waiting) printNote(terminal, 'The server is back.');
    waiting = failure !== undefined;
    await sleep(POLL_INTERVAL_MS);
  }
}

async function listEvents(terminal: Terminal, flags: ListFlags): Promise<void> {
  const cursor: Cursor = {
    after: readWholeNumber('--after', flags.after) ?? 0,
    left: readWholeNumber('--limit', flags.limit) ?? Number.POSITIVE_INFINITY,
  };
  await withClient(flags, terminal, async (client) => {
    // The first page fails loudly: only a server that was there once is waited for.
    if (flags.follow) {
      await client.readEvents({ after: cursor.after, limit: 1, host: flags.host });
      return follow(terminal, client, cursor, flags);
    }
    const all: LogEventBody[] = [];
    let count = 0;
    for await (const events of pagesToTheEnd(client, cursor, flags.host)) {
      count += events.length;
      if (flags.json) all.push(...events);
      else
        for (const event of events)
          printLine(terminal, eventLine(terminal, event, timeCell(terminal, event.at).padEnd(10)));
    }
    if (flags.json) return printJson(terminal, { events: all, next: cursor.after });
    if (count === 0) printNote(terminal, 'No events after that. Wait for the next ones: nexus event list --follow');
  });
}

export function addEventCommands(program: Command, terminal: Terminal): void {
  const event = program.command('event').description('read the log of everything that happened');
  addExamples(event, [['nexus event list --follow', 'See what happens as it happens']]);

  const list = event.command('list').alias('ls').description('list events, oldest first');
  list
    .addOption(new Option('--after <id>', 'only events after this one'))
    .addOption(new Option('--limit <count>', 'at most this many'))
    .addOption(hostOption('only events of this host'))
    .option('-f, --follow', 'go on with new events until Ctrl-C; with --json one event a line');
  addOperatorFlags(list).action((flags) => listEvents(terminal, flags));
  addExamples(list, [
    ['nexus event list --host web-1', 'Everything that happened to one host'],
    ['nexus event list --after 1200 --follow', 'Go on from an event, and stay'],
    [
      'nexus event list --json | jq -r \'.events[] | select(.kind == "host_offline") | .host\'',
      'Which hosts went silent',
    ],
  ]);
}
