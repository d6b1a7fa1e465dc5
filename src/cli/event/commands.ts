import type { Command } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import type { ReleaseNames } from '../../explain/log-entry.ts';
import { delay } from '../../runtime/wait.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { hostOption } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { readHostName } from '../operator/host-name.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { asOutage, OutageNotice } from '../operator/outage.ts';
import { loadReleaseNames } from '../operator/release-names.ts';
import { readWholeNumber } from '../terminal/number.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { entryLine, numberedLine } from './entry-line.ts';

interface ListFlags extends OperatorFlags {
  readonly after?: string;
  readonly limit?: string;
  readonly host?: string;
  readonly follow?: true;
}

const PAGE_SIZE = 1_000;
/** After a stream that has ended: a server that restarts is back within a second or two. */
const RECONNECT_MS = 1_000;

interface Cursor {
  after: number;
  /** Events still wanted. */
  left: number;
}

/** Yields page by page up to the present end of the log, moving `cursor` along. */
async function* readPages(client: NexusClient, cursor: Cursor, host: string | undefined) {
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

/** Follows the log from the cursor on, and across restarts of the server, until as many events have come as are wanted. */
async function follow(
  terminal: Terminal,
  client: NexusClient,
  cursor: Cursor,
  host: string | undefined,
  print: (event: LogEventBody) => void,
): Promise<void> {
  const outage = new OutageNotice(terminal);
  while (cursor.left > 0) {
    try {
      for await (const event of client.followEvents({ after: cursor.after, host }, () => outage.answered())) {
        print(event);
        cursor.after = event.id;
        cursor.left -= 1;
        if (cursor.left <= 0) return;
      }
    } catch (error) {
      outage.failed(asOutage(error));
    }
    await delay(terminal.runtime, RECONNECT_MS);
  }
}

async function followEvents(
  terminal: Terminal,
  client: NexusClient,
  cursor: Cursor,
  flags: ListFlags,
  names: ReleaseNames,
): Promise<void> {
  // The first call may fail: only a server that has answered once is waited for.
  await client.readEvents({ after: cursor.after, limit: 1, host: flags.host });
  await follow(terminal, client, cursor, flags.host, (event) =>
    // JSON Lines: a stream without an end is not one document.
    printLine(terminal, flags.json ? JSON.stringify(event) : entryLine(terminal, event, event.at, names)),
  );
}

async function listEvents(terminal: Terminal, flags: ListFlags): Promise<void> {
  const cursor: Cursor = {
    after: readWholeNumber('--after', flags.after ?? '0', 0, 'the id of an event, for example 42'),
    left:
      flags.limit === undefined
        ? Number.POSITIVE_INFINITY
        : readWholeNumber('--limit', flags.limit, 1, 'how many events to list, for example 100'),
  };
  if (flags.host !== undefined) readHostName(flags.host);
  await withClient(flags, terminal, async (client) => {
    const names: ReleaseNames = flags.json ? new Map() : await loadReleaseNames(client);
    if (flags.follow) return followEvents(terminal, client, cursor, flags, names);
    const all: LogEventBody[] = [];
    let count = 0;
    for await (const events of readPages(client, cursor, flags.host)) {
      count += events.length;
      if (flags.json) all.push(...events);
      else for (const event of events) printLine(terminal, numberedLine(terminal, event, names));
    }
    if (flags.json) return printJson(terminal, { events: all, next: cursor.after });
    if (count === 0) printNote(terminal, 'There are no such events yet. To wait for them: nexus event list --follow');
  });
}

export function addEventCommands(program: Command, terminal: Terminal): void {
  const event = program.command('event').description('read the log of everything that happened');
  addExamples(event, [['nexus event list --follow', 'Watch events as they happen']]);

  const list = event.command('list').alias('ls').description('list events, oldest first');
  list
    .addOption(option('--after <id>', 'only events after this one', { default: '0' }))
    .addOption(option('--limit <count>', 'at most this many events', { default: 'all' }))
    .addOption(hostOption('only events of this host'))
    .option('-f, --follow', 'continue with new events until Ctrl-C; with --json, one document per line');
  addOperatorFlags(list).action((flags) => listEvents(terminal, flags));
  addExamples(list, [
    ['nexus event list --host web-1', 'List everything that happened to one host'],
    ['nexus event list --after 1200 --follow', 'Continue after an event, and wait for new ones'],
    [
      'nexus event list --json | jq -r \'.events[] | select(.kind == "host_offline") | .host\'',
      'List hosts that went offline',
    ],
  ]);
}
