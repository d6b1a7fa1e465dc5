import type { Command } from 'commander';
import { stackArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
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

export function addStackCommands(program: Command, terminal: Terminal): void {
  const stack = program.command('stack').description('see which release of a stack runs where');
  addExamples(stack, [
    ['nexus stack list', 'List the stacks, and what their hosts run'],
    ['nexus stack show shop', 'Show, host by host, what is to run, what does, and what has drifted'],
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
