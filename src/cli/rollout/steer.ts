import type { Command } from 'commander';
import { NexusError } from '../../domain/errors.ts';
import { plural, quote } from '../../domain/words.ts';
import { rolloutArgument, stackArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { CommandEnd, EXIT_FAILED } from '../terminal/exit-code.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { withRollout } from './with-rollout.ts';

function finishing(inFlight: number): string {
  return `${plural(inFlight, 'host')} in flight will finish`;
}

async function pauseRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.pauseRollout(id);
    if (flags.json) return printJson(terminal, rollout);
    const rest = rollout.counts.in_flight === 0 ? '' : `, and ${finishing(rollout.counts.in_flight)}`;
    printLine(terminal, `Paused ${id}: no further host is dispatched${rest}.`);
    printNote(terminal, `To resume it: nexus rollout resume ${id}`);
  });
}

async function resumeRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.resumeRollout(id);
    if (flags.json) return printJson(terminal, rollout);
    printLine(terminal, `Resumed ${id}: ${plural(rollout.counts.pending, 'host')} pending.`);
  });
}

interface AbortFlags extends OperatorFlags {
  readonly rollback?: true;
  readonly reason?: string;
  readonly force?: true;
  readonly host?: string;
}

async function abortRollout(terminal: Terminal, wanted: string, flags: AbortFlags): Promise<void> {
  if (flags.host !== undefined || flags.force !== undefined) return dropHost(terminal, wanted, flags);
  const body = {
    ...(flags.rollback === undefined ? {} : { rollback: true }),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.abortRollout(id, body);
    if (flags.json) return printJson(terminal, rollout);
    const { hosts, pending, in_flight: inFlight } = rollout.counts;
    const rest = inFlight === 0 ? '' : `, and ${finishing(inFlight)}`;
    printLine(terminal, `Aborted ${id}: ${plural(pending, 'host')} not touched${rest}.`);
    for (const rollback of rollout.rollbacks) {
      printLine(
        terminal,
        `Rollout ${printable(rollback)} rolls hosts back. To follow it: nexus rollout watch ${rollback}`,
      );
    }
    for (const { host, reason } of rollout.not_rolled_back) {
      printLine(terminal, printable(`${quote(host)} is not rolled back: it ${reason}.`));
    }
    if (flags.rollback && rollout.rollbacks.length === 0 && rollout.not_rolled_back.length === 0) {
      printNote(terminal, 'There is nothing to roll back: it has touched no host.');
    }
    if (!flags.rollback && hosts > pending) {
      printNote(
        terminal,
        'The hosts that it touched keep what they run. To bring them back, roll the previous release out to them.',
      );
    }
  });
}

async function dropHost(terminal: Terminal, wanted: string, flags: AbortFlags): Promise<void> {
  const { host, force, rollback, reason } = flags;
  if (host === undefined || force === undefined || rollback !== undefined) {
    throw new NexusError('usage', '--force and --host go together, and without --rollback: the host is left as it is.');
  }
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.abortRollout(id, { force, host, ...(reason === undefined ? {} : { reason }) });
    if (flags.json) return printJson(terminal, rollout);
    printLine(terminal, printable(`${id} expects nothing more of ${quote(host)}.`));
    printNote(terminal, 'It may be left between two releases. Roll out a release that it is to run.');
  });
}

async function undoStack(terminal: Terminal, stack: string, flags: OperatorFlags): Promise<void> {
  const undone = await withClient(flags, terminal, (client) => client.undoStack(stack));
  if (flags.json) return printJson(terminal, undone);
  for (const { host, reason } of undone.not_undone) {
    printNote(terminal, printable(`Not undone: ${quote(host)} ${reason}.`));
  }
  for (const id of undone.rollouts) {
    printLine(terminal, `Rollout ${printable(id)} goes back. To follow it: nexus rollout watch ${printable(id)}`);
  }
  if (undone.rollouts.length > 0) return;
  printNote(terminal, `There is nothing to undo. To see what runs: nexus stack show ${printable(stack)}`);
  throw new CommandEnd(EXIT_FAILED);
}

async function replayRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const report = await client.replayRollout(id);
    const { equal, entries, hosts, differences } = report;
    if (flags.json) {
      printJson(terminal, report);
    } else {
      const size = `${entries} log ${entries === 1 ? 'entry' : 'entries'} and ${plural(hosts, 'host')}`;
      const result = equal
        ? 'the result equals what is stored.'
        : `the result DIFFERS from what is stored, in ${printable(differences.map(quote).join(', '))}.`;
      printLine(terminal, `Replayed ${id}, ${size}: ${result}`);
      if (!equal) {
        printNote(
          terminal,
          'This is a defect in Nexus: pause the rollout, keep a copy of the data directory, and report it.',
        );
      }
    }
    if (!equal) throw new CommandEnd(EXIT_FAILED);
  });
}

/** The commands that change how a rollout continues, and the one that verifies it. */
export function addRolloutSteerCommands(rollout: Command, terminal: Terminal): void {
  const pause = rollout.command('pause').description('dispatch no further host; those in flight finish');
  addOperatorFlags(pause.addArgument(rolloutArgument())).action((id, flags) => pauseRollout(terminal, id, flags));
  addExamples(pause, [['nexus rollout pause latest', 'Keep the newest rollout from spreading']]);

  const resume = rollout.command('resume').description('resume a paused rollout').addArgument(rolloutArgument());
  addOperatorFlags(resume).action((id, flags) => resumeRollout(terminal, id, flags));
  addExamples(resume, [['nexus rollout resume latest', 'Resume the newest rollout']]);

  const abort = rollout.command('abort').description('end a rollout for good').addArgument(rolloutArgument());
  abort
    .option('--rollback', 'also bring the hosts that it touched back to what they ran before, by new rollouts')
    .option('--reason <text>', 'why it is aborted; the log keeps it')
    .option('--force', 'with --host: give up on that host only, whatever its agent is doing')
    .addOption(option('--host <name>', 'the host that --force gives up', { completion: 'host' }));
  addOperatorFlags(abort).action((id, flags: AbortFlags) => abortRollout(terminal, id, flags));
  addExamples(abort, [
    ["nexus rollout abort latest --reason 'wrong config'", 'End it, and leave updated hosts as they are'],
    ['nexus rollout abort latest --rollback', 'End it, and roll updated hosts back'],
    [
      'nexus rollout abort latest --force --host web-1',
      'Wait no longer for a host that can neither finish nor be rolled back',
    ],
  ]);

  const undo = rollout
    .command('undo')
    .description('bring every host that the newest rollout of a stack has changed back to the release before')
    .addArgument(stackArgument());
  addOperatorFlags(undo).action((stack, flags) => undoStack(terminal, stack, flags));
  undo.addHelpText(
    'after',
    "\nIt goes back by new rollouts, one for each release that ran before, all hosts at once. While the newest rollout is\nnot over, use 'nexus rollout abort ID --rollback'. Exit codes: 0 started, 1 there is nothing to undo.",
  );
  addExamples(undo, [
    ['nexus rollout undo shop', 'Go back to the release before, on every host that had one'],
    ["nexus rollout undo shop --json | jq -r '.not_undone[].host'", 'Print the hosts that stay as they are'],
  ]);

  const replay = rollout
    .command('replay')
    .description('replay the log of a rollout and compare the result with what is stored');
  addOperatorFlags(replay.addArgument(rolloutArgument())).action((id, flags) => replayRollout(terminal, id, flags));
  replay.addHelpText('after', '\nExit codes: 0 equal, 1 different.');
  addExamples(replay, [
    ['nexus rollout replay latest', 'Verify that the log explains everything that is stored'],
    ['nexus rollout replay latest --json | jq .differences', 'Print what differs, for a script'],
  ]);
}
