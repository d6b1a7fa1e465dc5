import type { Command } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { rolloutArgument } from './argument.ts';
import { addRolloutCreateCommands } from './create.ts';
import { addRolloutAccountCommands } from './explain.ts';
import { addRolloutSteerCommands } from './steer.ts';

async function findRollout(client: NexusClient, wanted: string): Promise<RolloutBody> {
  const { findRolloutId } = await import('../operator/rollout-reference.ts');
  return client.getRollout(await findRolloutId(client, wanted));
}

async function listRollouts(terminal: Terminal, flags: OperatorFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listRollouts());
  if (flags.json) return printJson(terminal, list);
  if (list.rollouts.length === 0) {
    printNote(
      terminal,
      "No rollouts yet. Begin one: nexus rollout create RELEASE --selector KEY=VALUE (see 'nexus release list')",
    );
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
  await withClient(flags, terminal, async (client) => {
    const rollout = await findRollout(client, wanted);
    if (flags.json) return printJson(terminal, rollout);
    const [{ loadFrame, momentOf }, { MAX_PAGE_HOSTS, notableHosts, renderRolloutPage }] = await Promise.all([
      import('./snapshot.ts'),
      import('./page.ts'),
    ]);
    const moment = momentOf(await loadFrame(client, rollout), rollout, terminal.clock.nowMs());
    const everyone = flags.all === true || rollout.hosts.length <= MAX_PAGE_HOSTS;
    const hosts = everyone ? rollout.hosts : notableHosts(rollout.hosts);
    printLine(terminal, await renderRolloutPage(terminal, moment, hosts));
    const hidden = rollout.hosts.length - hosts.length;
    if (hidden > 0)
      printNote(terminal, `${hidden} pending or converged, not shown: nexus rollout show ${rollout.id} --all`);
  });
}

async function watch(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  const [{ findRolloutId }, { watchRollout }] = await Promise.all([
    import('../operator/rollout-reference.ts'),
    import('./watch.ts'),
  ]);
  await withClient(flags, terminal, async (client) =>
    watchRollout(terminal, client, await findRolloutId(client, wanted), flags),
  );
}

function addReadingCommands(rollout: Command, terminal: Terminal): void {
  const list = rollout.command('list').alias('ls').description('list the rollouts, newest first');
  addOperatorFlags(list).action((flags) => listRollouts(terminal, flags));
  addExamples(list, [
    ['nexus rollout list', 'What was rolled out, and how it went'],
    ['nexus rollout list --json | jq -r \'.rollouts[] | select(.state == "halted").reason\'', 'Why rollouts halted'],
  ]);

  const show = rollout.command('show').description('show a rollout with its waves and hosts');
  show.addArgument(rolloutArgument()).option('--all', 'every host of a large rollout');
  addOperatorFlags(show).action((id, flags) => showRollout(terminal, id, flags));
  addExamples(show, [
    ['nexus rollout show latest', 'The newest one: each host, and what it waits for'],
    ["nexus rollout show latest --json | jq -r '.hosts[] | select(.held_by) | .held_by.gate'", 'Which gates hold'],
  ]);

  const follow = rollout.command('watch').description('follow a rollout to its end');
  addOperatorFlags(follow.addArgument(rolloutArgument())).action((id, flags) => watch(terminal, id, flags));
  follow.addHelpText(
    'after',
    '\nA live view on a terminal, a line per change in a pipe, the final document alone with --json.\nIt ends when the rollout has ended, nothing is in flight and no rollback is owed. Exit codes: 0 converged, 1 anything else.',
  );
  addExamples(follow, [
    ['nexus rollout watch latest', 'See the waves go by'],
    ['nexus rollout watch latest | tee rollout.log', 'One line per change, for a log'],
    ['nexus rollout watch latest --json | jq -r .state', 'Wait for the end in a script'],
  ]);
}

export function addRolloutCommands(program: Command, terminal: Terminal): void {
  const rollout = program.command('rollout').description('bring releases to hosts, wave by wave');
  addExamples(rollout, [
    ['nexus rollout plan shop@1.5 --selector role=web --waves 1,25%,100%', 'What a rollout would do'],
    ['nexus rollout create shop@1.5 --selector role=web --waves 1,25%,100% --watch', 'Do it, and see how it goes'],
    ['nexus rollout explain latest', 'Why it is where it is'],
  ]);
  addRolloutCreateCommands(rollout, terminal);
  addReadingCommands(rollout, terminal);
  addRolloutAccountCommands(rollout, terminal);
  addRolloutSteerCommands(rollout, terminal);
}
