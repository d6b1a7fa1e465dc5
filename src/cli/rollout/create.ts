import type { Command } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { plural } from '../../domain/words.ts';
import { releaseOf } from '../../explain/snapshot.ts';
import type { ReleaseBody } from '../../wire/release.ts';
import { releaseArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, withClient } from '../operator/operator-command.ts';
import { findDigest, findRelease } from '../operator/release-reference.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { checkPlan } from './check-plan.ts';
import { addRequestFlags, type RequestFlags, readRequest } from './request.ts';

export interface StartFlags extends RequestFlags {
  readonly watch?: true;
  readonly yes?: true;
}

async function createRollout(terminal: Terminal, wanted: string, flags: StartFlags): Promise<void> {
  // Wrong usage is reported before the server is asked.
  const asked = readRequest(flags);
  await withClient(flags, terminal, async (client) =>
    startRollout(terminal, client, await findRelease(client, wanted), asked, flags),
  );
}

/** Looks at the plan, creates the rollout, and prints its id or watches it. */
export async function startRollout(
  terminal: Terminal,
  client: NexusClient,
  release: ReleaseBody,
  asked: ReturnType<typeof readRequest>,
  flags: StartFlags,
): Promise<void> {
  const request = { ...asked, release: release.digest };
  await checkPlan(terminal, client, release, request, flags.yes === true);
  const rollout = await client.createRollout(request);
  if (flags.json && !flags.watch) return printJson(terminal, rollout);
  if (!flags.json) {
    const size = `${plural(rollout.counts.hosts, 'host')} in ${plural(rollout.waves.length, 'wave')}`;
    printNote(terminal, `Started the rollout of ${printable(releaseOf(rollout))} to ${size}:`);
  }
  if (flags.watch) {
    const { watchRollout } = await import('./watch.ts');
    return watchRollout(terminal, client, rollout.id, flags);
  }
  // Alone on stdout, so that `ROLLOUT=$(nexus rollout create …)` contains nothing else.
  printLine(terminal, rollout.id);
  printNote(terminal, `To follow it: nexus rollout watch ${rollout.id}`);
}

/** The flags of a command that starts a rollout, beside those that say what it is to do. */
export function addStartFlags(command: Command): Command {
  return command
    .option('--watch', "follow it to its end, as 'nexus rollout watch' does")
    .option('--yes', 'end a running rollout of the stack even if this one could not begin yet');
}

interface PlanFlags extends RequestFlags {
  readonly all?: true;
}

/** Beyond this many hosts a plan shows only those with findings. */
const MAX_PLAN_HOSTS = 100;

async function planRollout(terminal: Terminal, wanted: string, flags: PlanFlags): Promise<void> {
  const request = readRequest(flags);
  await withClient(flags, terminal, async (client) => {
    const plan = await client.planRollout({ ...request, release: await findDigest(client, wanted) });
    if (flags.json) return printJson(terminal, plan);
    const [{ countPlanned, planSummary, renderPlan }, { loadReleaseNames }] = await Promise.all([
      import('./plan-page.ts'),
      import('../operator/release-names.ts'),
    ]);
    const showAll = flags.all === true || countPlanned(plan) <= MAX_PLAN_HOSTS;
    const names = await loadReleaseNames(client);
    const table = await renderPlan(terminal, plan, names, showAll);
    if (table !== '') printLine(terminal, table);
    for (const line of planSummary(plan, names)) printNote(terminal, line);
    if (!showAll) printNote(terminal, 'Not shown: hosts without findings. To show all: --all');
  });
}

export function addRolloutCreateCommands(rollout: Command, terminal: Terminal): void {
  const create = rollout.command('create').description('bring a release to hosts, wave by wave, and print the id');
  addStartFlags(addRequestFlags(create.addArgument(releaseArgument())));
  create.addHelpText(
    'after',
    "\nIt prints what 'nexus rollout plan' finds. A quarantined release is refused. A rollout of the same stack that still\nruns on any of the hosts is ended, unless all hosts of the first wave would be held. Ctrl-C ends --watch, not the rollout.",
  );
  addOperatorFlags(create).action((wanted, flags: StartFlags) => createRollout(terminal, wanted, flags));
  addExamples(create, [
    [
      'nexus rollout create shop@1.5 --selector role=web --waves stage=canary:1h,25%,100% --watch',
      'Let the hosts with the label stage=canary soak for an hour before all others',
    ],
    [
      'nexus rollout create shop@1.5 --selector role=web --waves 1,25%,100% --watch',
      'Update one host, then a quarter, then all, and watch',
    ],
    ['nexus rollout create 4f2a9c01b7de --host web-1 web-2', 'Update two hosts, one after the other'],
    [
      'nexus rollout create shop@1.5 --selector role=web zone=a --max-in-flight 20 --failure-threshold 2',
      'Update a large zone, and tolerate two failed hosts',
    ],
  ]);

  const plan = rollout.command('plan').description('show what a rollout would do, without changing anything');
  addRequestFlags(plan.addArgument(releaseArgument())).option('--all', 'every host, also of a large rollout');
  addOperatorFlags(plan).action((wanted, flags: PlanFlags) => planRollout(terminal, wanted, flags));
  addExamples(plan, [
    [
      'nexus rollout plan shop@1.5 --selector role=web --waves 1,25%,100%',
      'Show the waves host by host, and what would hold each host',
    ],
    [
      'nexus rollout plan shop@1.5 --selector role=web --json | jq -r \'.waves[].hosts[] | select(any(.findings[]; .severity == "hold")) | .name\'',
      'Print the hosts that would be held',
    ],
  ]);
}
