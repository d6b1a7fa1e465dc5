import type { Command } from 'commander';
import { plural } from '../../domain/words.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { CommandEnd, EXIT_FAILED } from '../terminal/exit-code.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { rolloutArgument } from './argument.ts';

async function pauseRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const { findRolloutId } = await import('../operator/rollout-reference.ts');
    const rollout = await client.pauseRollout(await findRolloutId(client, wanted));
    if (flags.json) return printJson(terminal, rollout);
    const onTheirWay = rollout.counts.in_flight;
    const rest = onTheirWay === 0 ? '' : `, and ${plural(onTheirWay, 'host')} on the way will finish`;
    printLine(terminal, `Paused ${printable(rollout.id)}: no further host is dispatched${rest}.`);
    printNote(terminal, `Go on: nexus rollout resume ${rollout.id}`);
  });
}

async function resumeRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const { findRolloutId } = await import('../operator/rollout-reference.ts');
    const rollout = await client.resumeRollout(await findRolloutId(client, wanted));
    if (flags.json) return printJson(terminal, rollout);
    printLine(terminal, `Resumed ${printable(rollout.id)}: ${plural(rollout.counts.pending, 'host')} still to come.`);
  });
}

interface AbortFlags extends OperatorFlags {
  readonly rollback?: true;
  readonly reason?: string;
}

async function abortRollout(terminal: Terminal, wanted: string, flags: AbortFlags): Promise<void> {
  const body = {
    ...(flags.rollback === undefined ? {} : { rollback: true }),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
  };
  await withClient(flags, terminal, async (client) => {
    const { findRolloutId } = await import('../operator/rollout-reference.ts');
    const rollout = await client.abortRollout(await findRolloutId(client, wanted), body);
    if (flags.json) return printJson(terminal, rollout);
    printLine(
      terminal,
      `Aborted ${printable(rollout.id)}: ${plural(rollout.counts.pending, 'host')} not touched, ${rollout.counts.in_flight} on the way will finish.`,
    );
    for (const id of rollout.rollbacks) printLine(terminal, `Rolls back: nexus rollout watch ${printable(id)}`);
    if (flags.rollback && rollout.rollbacks.length === 0) {
      printNote(terminal, 'There is nothing to roll back: no host that it touched ran another release before.');
    }
    if (!flags.rollback && rollout.counts.hosts > rollout.counts.pending) {
      printNote(
        terminal,
        'Hosts that it has touched keep what they run; a rollout of the release from before brings them back.',
      );
    }
  });
}

async function replayRollout(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  const { id, report } = await withClient(flags, terminal, async (client) => {
    const { findRolloutId } = await import('../operator/rollout-reference.ts');
    const found = await findRolloutId(client, wanted);
    return { id: found, report: await client.replayRollout(found) };
  });
  const { equal, entries, hosts, differences } = report;
  if (flags.json) printJson(terminal, report);
  else {
    const folded = `Folded ${plural(entries, 'entry').replace(/entrys$/, 'entries')} of ${printable(id)} again, ${plural(hosts, 'host')}`;
    printLine(
      terminal,
      equal
        ? `${folded}: equal to what is stored.`
        : `${folded}: NOT equal to what is stored, in ${printable(differences.join(', '))}.`,
    );
    if (!equal) {
      printNote(
        terminal,
        'This is a defect of Nexus: pause the rollout, keep a copy of the data directory and report it.',
      );
    }
  }
  if (!equal) throw new CommandEnd(EXIT_FAILED);
}

export function addRolloutSteerCommands(rollout: Command, terminal: Terminal): void {
  const pause = rollout.command('pause').description('dispatch no further host; those on their way finish');
  addOperatorFlags(pause.addArgument(rolloutArgument())).action((id, flags) => pauseRollout(terminal, id, flags));
  addExamples(pause, [['nexus rollout pause latest', 'Stop the newest one from spreading, and look']]);

  const resume = rollout.command('resume').description('go on after a pause').addArgument(rolloutArgument());
  addOperatorFlags(resume).action((id, flags) => resumeRollout(terminal, id, flags));
  addExamples(resume, [['nexus rollout resume latest', 'Go on']]);

  const abort = rollout.command('abort').description('end a rollout for good').addArgument(rolloutArgument());
  abort
    .option('--rollback', 'bring the hosts it touched back to what they ran before, by rollouts of their own')
    .option('--reason <text>', 'why; the log keeps it');
  addOperatorFlags(abort).action((id, flags: AbortFlags) => abortRollout(terminal, id, flags));
  addExamples(abort, [
    ["nexus rollout abort latest --reason 'wrong config'", 'Leave the hosts that have it as they are'],
    ['nexus rollout abort latest --rollback', 'And bring them back'],
  ]);

  const replay = rollout.command('replay').description('fold its log again and compare with what is stored');
  addOperatorFlags(replay.addArgument(rolloutArgument())).action((id, flags) => replayRollout(terminal, id, flags));
  replay.addHelpText('after', '\nExit codes: 0 equal, 1 not equal.');
  addExamples(replay, [
    ['nexus rollout replay latest', 'See that the log explains everything that is stored'],
    ['nexus rollout replay latest --json | jq .differences', 'What differs, for a script'],
  ]);
}
