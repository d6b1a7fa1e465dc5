import type { Command } from 'commander';
import { plural } from '../../domain/words.ts';
import { rolloutArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { addRolloutCreateCommands } from './create.ts';
import { addRolloutEventsCommand } from './events.ts';
import { addRolloutExplainCommand } from './explain.ts';
import { addRolloutSteerCommands } from './steer.ts';
import { withRollout } from './with-rollout.ts';

async function listRollouts(terminal: Terminal, flags: OperatorFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listRollouts());
  if (flags.json) return printJson(terminal, list);
  if (list.rollouts.length === 0) {
    printNote(terminal, 'There are no rollouts yet. To start one: nexus rollout create RELEASE --selector KEY=VALUE');
    return;
  }
  const { renderRollouts } = await import('./page.ts');
  printLine(terminal, await renderRollouts(terminal, list.rollouts));
}

async function showRollout(
  terminal: Terminal,
  wanted: string,
  flags: OperatorFlags & { readonly all?: true },
): Promise<void> {
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.getRollout(id);
    if (flags.json) return printJson(terminal, rollout);
    const [{ loadContext, snapshotOf }, { MAX_PAGE_HOSTS, notableHosts, renderRolloutPage }] = await Promise.all([
      import('./snapshot.ts'),
      import('./page.ts'),
    ]);
    const snapshot = snapshotOf(await loadContext(client, rollout), rollout, terminal.runtime.nowMs());
    const showAll = flags.all === true || rollout.hosts.length <= MAX_PAGE_HOSTS;
    const hosts = showAll ? rollout.hosts : notableHosts(rollout.hosts);
    printLine(terminal, await renderRolloutPage(terminal, snapshot, hosts));
    const hidden = rollout.hosts.length - hosts.length;
    if (hidden === 0) return;
    printNote(
      terminal,
      `Not shown: ${plural(hidden, 'host')} that are pending, converged or archived. To show all: nexus rollout show ${id} --all`,
    );
  });
}

async function watch(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  const { watchRollout } = await import('./watch.ts');
  await withRollout(flags, terminal, wanted, (client, id) => watchRollout(terminal, client, id, flags));
}

function addReadingCommands(rollout: Command, terminal: Terminal): void {
  const list = rollout.command('list').alias('ls').description('list rollouts, newest first');
  addOperatorFlags(list).action((flags) => listRollouts(terminal, flags));
  addExamples(list, [
    ['nexus rollout list', 'List what was rolled out, and how it ended'],
    [
      'nexus rollout list --json | jq -r \'.rollouts[] | select(.state == "halted").reason\'',
      'Print why rollouts halted',
    ],
  ]);

  const show = rollout.command('show').description('show a rollout with its waves and hosts');
  show.addArgument(rolloutArgument()).option('--all', 'every host, also of a large rollout');
  addOperatorFlags(show).action((id, flags) => showRollout(terminal, id, flags));
  addExamples(show, [
    ['nexus rollout show latest', 'Show each host of the newest rollout, and what it waits for'],
    [
      "nexus rollout show latest --json | jq -r '.hosts[] | select(.held_by) | .held_by.gate'",
      'Print the gates that hold hosts',
    ],
  ]);

  const follow = rollout.command('watch').description('follow a rollout to its end');
  addOperatorFlags(follow.addArgument(rolloutArgument())).action((id, flags) => watch(terminal, id, flags));
  follow.addHelpText(
    'after',
    '\nIt draws a live view on a terminal, prints a line per change to a pipe, and prints only the final document with --json.\nIt ends once the rollout has ended, nothing is in flight and every failed host is rolled back.\nCtrl-C ends the watching, and the rollout goes on.\nExit codes: 0 converged, 1 ended otherwise, 130 Ctrl-C.',
  );
  addExamples(follow, [
    ['nexus rollout watch latest', 'Watch the newest rollout'],
    ['nexus rollout watch latest | tee rollout.log', 'Log one line per change'],
    ['nexus rollout watch latest --json | jq -r .state', 'Wait for the end in a script'],
  ]);
}

export function addRolloutCommands(program: Command, terminal: Terminal): void {
  const rollout = program.command('rollout').description('bring releases to hosts, wave by wave');
  addExamples(rollout, [
    ['nexus rollout plan shop@1.5 --selector role=web --waves 1,25%,100%', 'Show what a rollout would do'],
    ['nexus rollout create shop@1.5 --selector role=web --waves 1,25%,100% --watch', 'Start it, and watch it'],
    ['nexus rollout explain latest', 'Explain why it is where it is'],
  ]);
  addRolloutCreateCommands(rollout, terminal);
  addReadingCommands(rollout, terminal);
  addRolloutExplainCommand(rollout, terminal);
  addRolloutEventsCommand(rollout, terminal);
  addRolloutSteerCommands(rollout, terminal);
}
