import { Argument, type Command, Option } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import type { ExplainedMoment } from '../../explain/host.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import { completedBy } from '../operator/completion-source.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, hostOption, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { rolloutArgument } from './argument.ts';
import { logLine, logPages } from './log.ts';

interface EventFlags extends OperatorFlags {
  readonly after?: string;
  readonly host?: string;
}

function readAfter(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new NexusError('usage', `--after is '${text}', which is no whole number: give the id of an event, like 42.`);
}

function numberedLine(terminal: Terminal, event: LogEventBody): string {
  const time = timeCell(terminal, event.at).padEnd(10);
  return `${String(event.id).padStart(6)}  ${logLine(terminal, event, time)}`;
}

async function listEvents(terminal: Terminal, wanted: string, flags: EventFlags): Promise<void> {
  const cursor = { after: readAfter(flags.after ?? '0') };
  const { findRolloutId } = await import('../operator/rollout-reference.ts');
  const isWanted = (event: LogEventBody): boolean => flags.host === undefined || event.host === flags.host;
  await withClient(flags, terminal, async (client) => {
    const all: LogEventBody[] = [];
    let count = 0;
    for await (const events of logPages(client, await findRolloutId(client, wanted), cursor)) {
      const found = events.filter(isWanted);
      count += found.length;
      if (flags.json) all.push(...found);
      else for (const event of found) printLine(terminal, numberedLine(terminal, event));
    }
    if (flags.json) return printJson(terminal, { events: all, next: cursor.after });
    if (count === 0) printNote(terminal, `No events of that. Wait for the next ones: nexus rollout watch ${wanted}`);
  });
}

async function momentToExplain(
  client: NexusClient,
  terminal: Terminal,
  rollout: RolloutBody,
): Promise<ExplainedMoment> {
  const [{ loadFrame, momentOf }, { deferralsOf }] = await Promise.all([
    import('./snapshot.ts'),
    import('../../explain/rollout.ts'),
  ]);
  const deferrals = new Map<string, string>();
  // Only the log knows why a host put its activation off, and it is long: it is read when there is such a host.
  if (rollout.hosts.some((host) => host.state === 'deferred')) {
    for await (const events of logPages(client, rollout.id, { after: 0 })) {
      for (const [host, reason] of deferralsOf(events)) deferrals.set(host, reason);
    }
  }
  return { ...momentOf(await loadFrame(client, rollout), rollout, terminal.clock.nowMs()), deferrals };
}

async function explain(
  terminal: Terminal,
  wanted: string,
  hostName: string | undefined,
  flags: OperatorFlags,
): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const { findRolloutId } = await import('../operator/rollout-reference.ts');
    const rollout = await client.getRollout(await findRolloutId(client, wanted));
    const host = rollout.hosts.find((one) => one.name === hostName);
    if (hostName !== undefined && host === undefined) {
      throw new NexusError(
        'not_found',
        `the rollout ${rollout.id} has no host '${hostName}'. See its hosts: nexus rollout show ${rollout.id} --all`,
      );
    }
    const moment = await momentToExplain(client, terminal, rollout);
    const { explainAll, explainDocument, figureLines } = await import('../../explain/rollout.ts');
    const { explainHost } = await import('../../explain/host.ts');
    if (flags.json) return printJson(terminal, explainDocument(moment, host));
    if (host === undefined) {
      for (const line of explainAll(moment)) printLine(terminal, printable(line));
      return;
    }
    printLine(terminal, printable(explainHost(moment, host)));
    for (const [name, value] of figureLines(host)) printLine(terminal, printable(`  ${name.padEnd(38)}${value}`));
  });
}

/** The commands that tell of what happened, and why. */
export function addRolloutAccountCommands(rollout: Command, terminal: Terminal): void {
  const explainCommand = rollout.command('explain').description('say why a rollout and its hosts are where they are');
  explainCommand
    .addArgument(rolloutArgument())
    .addArgument(completedBy('host', new Argument('[host]', 'only this host, with the figures of its telemetry')));
  addOperatorFlags(explainCommand).action((id, host, flags) => explain(terminal, id, host, flags));
  explainCommand.addHelpText(
    'after',
    "\nWith --json the rollout as the API answers it, with an 'explanation' of it and of each host.",
  );
  addExamples(explainCommand, [
    ['nexus rollout explain latest', 'The rollout, then hosts that are neither through nor untouched'],
    ['nexus rollout explain latest web-1', 'One host, with the figures of its telemetry'],
  ]);

  const events = rollout.command('events').description("list a rollout's own log, oldest first");
  events
    .addArgument(rolloutArgument())
    .addOption(new Option('--after <id>', 'only events after this one'))
    .addOption(hostOption('only events of this host'));
  addOperatorFlags(events).action((id, flags: EventFlags) => listEvents(terminal, id, flags));
  addExamples(events, [
    ['nexus rollout events latest --host web-1', 'Everything that happened to one host'],
    [
      'nexus rollout events latest --json | jq -r \'.events[] | select(.kind == "telemetry_judged") | .data.verdict.reason\'',
      'What the telemetry came to',
    ],
  ]);
}
