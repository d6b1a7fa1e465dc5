import type { Command } from 'commander';
import type { ReleaseNames } from '../../explain/log-entry.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { numberedLine } from '../event/entry-line.ts';
import { hostOption, rolloutArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { loadReleaseNames } from '../operator/release-names.ts';
import { readWholeNumber } from '../terminal/number.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { logPages } from './log.ts';
import { withRollout } from './with-rollout.ts';

interface EventFlags extends OperatorFlags {
  readonly after?: string;
  readonly host?: string;
}

async function listRolloutEvents(terminal: Terminal, wanted: string, flags: EventFlags): Promise<void> {
  const after = readWholeNumber('--after', flags.after ?? '0', 0, 'the id of an event, for example 42');
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const cursor = { after };
    const names: ReleaseNames = flags.json ? new Map() : await loadReleaseNames(client);
    const all: LogEventBody[] = [];
    for await (const page of logPages(client, id, cursor)) {
      const events = page.filter((event) => flags.host === undefined || event.host === flags.host);
      all.push(...events);
      if (!flags.json) for (const event of events) printLine(terminal, numberedLine(terminal, event, names));
    }
    if (flags.json) return printJson(terminal, { events: all, next: cursor.after });
    if (all.length === 0) {
      printNote(terminal, `There are no such events yet. To wait for them: nexus rollout watch ${wanted}`);
    }
  });
}

export function addRolloutEventsCommand(rollout: Command, terminal: Terminal): void {
  const command = rollout.command('events').description('list the log of a rollout, oldest first');
  command
    .addArgument(rolloutArgument())
    .addOption(option('--after <id>', 'only events after this one', { default: '0' }))
    .addOption(hostOption('only events of this host'));
  addOperatorFlags(command).action((id, flags: EventFlags) => listRolloutEvents(terminal, id, flags));
  addExamples(command, [
    ['nexus rollout events latest --host web-1', 'List everything that happened to one host'],
    [
      'nexus rollout events latest --json | jq -r \'.events[] | select(.kind == "telemetry_judged") | .data.verdict.reason\'',
      'Print the verdicts on its telemetry',
    ],
  ]);
}
