import type { Command } from 'commander';
import { plural, shortDigest } from '../../domain/words.ts';
import { releaseArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, withClient } from '../operator/operator-command.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { addRequestFlags, type RequestFlags, readRequest } from './request.ts';

interface CreateFlags extends RequestFlags {
  readonly watch?: true;
}

async function createRollout(terminal: Terminal, wanted: string, flags: CreateFlags): Promise<void> {
  // Wrong usage is to be said before anything is asked.
  const request = readRequest(flags);
  await withClient(flags, terminal, async (client) => {
    const { findDigest } = await import('../operator/release-reference.ts');
    const rollout = await client.createRollout({ ...request, release: await findDigest(client, wanted) });
    if (flags.json && !flags.watch) return printJson(terminal, rollout);
    const name = printable(`${rollout.stack} ${rollout.version ?? shortDigest(rollout.release)}`);
    if (!flags.json) {
      const size = `${plural(rollout.counts.hosts, 'host')} in ${plural(rollout.waves.length, 'wave')}`;
      printNote(terminal, `Began the rollout of ${name} to ${size}:`);
    }
    if (flags.watch) {
      const { watchRollout } = await import('./watch.ts');
      return watchRollout(terminal, client, rollout.id, flags);
    }
    // Alone on stdout, so that `ROLLOUT=$(nexus rollout create …)` holds it and nothing else.
    printLine(terminal, rollout.id);
    printNote(terminal, `Follow it: nexus rollout watch ${rollout.id}`);
  });
}

interface PlanFlags extends RequestFlags {
  readonly all?: true;
}

/** Beyond this many hosts a plan shows only those that something was found about. */
const MAX_PLAN_HOSTS = 100;

async function planRollout(terminal: Terminal, wanted: string, flags: PlanFlags): Promise<void> {
  const request = readRequest(flags);
  const plan = await withClient(flags, terminal, async (client) => {
    const { findDigest } = await import('../operator/release-reference.ts');
    return client.planRollout({ ...request, release: await findDigest(client, wanted) });
  });
  if (flags.json) return printJson(terminal, plan);
  const { countPlanned, planSummary, renderPlan } = await import('./plan-page.ts');
  const all = flags.all === true || countPlanned(plan) <= MAX_PLAN_HOSTS;
  const table = await renderPlan(terminal, plan, all);
  if (table !== '') printLine(terminal, table);
  for (const line of planSummary(plan)) printNote(terminal, line);
  if (!all) printNote(terminal, 'Only hosts that something was found about are shown; every one: --all');
}

export function addRolloutCreateCommands(rollout: Command, terminal: Terminal): void {
  const create = rollout.command('create').description('bring a release to hosts, wave by wave; prints its id');
  addRequestFlags(create.addArgument(releaseArgument())).option(
    '--watch',
    "follow it to its end, as 'rollout watch' does",
  );
  addOperatorFlags(create).action((wanted, flags: CreateFlags) => createRollout(terminal, wanted, flags));
  addExamples(create, [
    [
      'nexus rollout create shop@1.5 --selector role=web --waves 1,25%,100% --watch',
      'One host first, then a quarter, then all, and see how it goes',
    ],
    ['nexus rollout create 4f2a9c01b7de --host web-1 web-2', 'To these two, one after the other'],
    [
      'nexus rollout create shop@1.5 --selector role=web zone=a --max-in-flight 20 --failure-threshold 2',
      'To a large zone, tolerating two failed hosts',
    ],
  ]);

  const plan = rollout.command('plan').description('show what a rollout would do; changes nothing');
  addRequestFlags(plan.addArgument(releaseArgument())).option('--all', 'every host of a large rollout');
  addOperatorFlags(plan).action((wanted, flags: PlanFlags) => planRollout(terminal, wanted, flags));
  addExamples(plan, [
    [
      'nexus rollout plan shop@1.5 --selector role=web --waves 1,25%,100%',
      'Waves host by host, with what stands in the way',
    ],
    [
      'nexus rollout plan shop@1.5 --selector role=web --json | jq -r \'.waves[].hosts[] | select(any(.findings[]; .severity == "hold")) | .name\'',
      'Hosts that would be held',
    ],
  ]);
}
