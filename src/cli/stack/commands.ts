import type { Command } from 'commander';
import { NO_SERVICES, REMOVED_VERSION } from '../../domain/release.ts';
import type { ManifestBody } from '../../wire/release.ts';
import { stackArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { addStartFlags, type StartFlags, startRollout } from '../rollout/create.ts';
import { addRequestFlags, readRequest } from '../rollout/request.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';

async function listStacks(terminal: Terminal, flags: OperatorFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listStacks());
  if (flags.json) return printJson(terminal, list);
  if (list.stacks.length === 0) {
    printNote(terminal, 'No rollout has brought a stack to a host yet. To start one: nexus rollout create RELEASE');
    return;
  }
  const { renderStacks } = await import('./page.ts');
  printLine(terminal, await renderStacks(terminal, list.stacks));
}

async function showStack(terminal: Terminal, name: string, flags: OperatorFlags): Promise<void> {
  const stack = await withClient(flags, terminal, (client) => client.getStack(name));
  if (flags.json) return printJson(terminal, stack);
  const { renderStackPage } = await import('./page.ts');
  printLine(terminal, await renderStackPage(terminal, stack));
}

/** The release that takes the stack away. It is the same for every host, so it is added once. */
function removalOf(stack: string): ManifestBody {
  return {
    kind: 'nexus.release/1',
    stack,
    version: REMOVED_VERSION,
    compose: NO_SERVICES,
    removes_stack: true,
    policy: { soak_seconds: 0, on_health_failure: 'halt', telemetry: 'off' },
  };
}

async function removeStack(terminal: Terminal, stack: string, flags: StartFlags): Promise<void> {
  const asked = readRequest(flags);
  await withClient(flags, terminal, async (client) => {
    // A name that was mistyped must not become a release.
    await client.getStack(stack);
    const release = await client.createRelease(removalOf(stack));
    await startRollout(terminal, client, release, asked, flags);
  });
}

export function addStackCommands(program: Command, terminal: Terminal): void {
  const stack = program.command('stack').description('see which release of a stack runs where');
  addExamples(stack, [
    ['nexus stack list', 'List the stacks, and what their hosts run'],
    ['nexus stack show shop', 'Show, host by host, what is to run, what does, and what has drifted'],
    ['nexus stack remove shop --host web-1', 'Take a stack away from a host'],
  ]);

  const list = stack.command('list').alias('ls').description('list the stacks, and how many hosts run which release');
  addOperatorFlags(list).action((flags) => listStacks(terminal, flags));
  addExamples(list, [
    ["nexus stack list --json | jq -r '.stacks[] | select(.drifted > 0).stack'", 'Print the stacks that have drifted'],
  ]);

  const show = stack
    .command('show')
    .description('show, host by host, what a stack is to run, what does run, and how it has drifted')
    .addArgument(stackArgument());
  addOperatorFlags(show).action((name, flags) => showStack(terminal, name, flags));
  const remove = stack
    .command('remove')
    .alias('rm')
    .description('take a stack away from hosts, by a rollout of nothing')
    .addArgument(stackArgument());
  addStartFlags(addRequestFlags(remove));
  addOperatorFlags(remove).action((name, flags: StartFlags) => removeStack(terminal, name, flags));
  remove.addHelpText(
    'after',
    `\nContainers and networks are removed; volumes and the stack's folder on the host are kept. It is the rollout of a release\nnamed STACK@${REMOVED_VERSION}, with waves, gates and a log as any other, and 'nexus rollout undo STACK' takes it back.`,
  );
  addExamples(remove, [
    ['nexus stack remove shop --host web-1 --watch', 'Take a stack away from one host, and watch'],
    ['nexus stack remove shop --selector role=web --waves 1,100%', 'Take it away from many hosts, one first'],
  ]);

  show.addHelpText(
    'after',
    '\nA stack has drifted where a service runs fewer containers, or another image, than it did when the rollout was over.',
  );
  addExamples(show, [
    ['nexus stack show shop', 'Show the stack on all its hosts'],
    [
      "nexus stack show shop --json | jq -r '.hosts[] | select(.drift) | .host'",
      'Print the hosts where it has drifted',
    ],
  ]);
}
