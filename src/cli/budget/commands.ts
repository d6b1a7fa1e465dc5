import { Argument, type Command } from 'commander';
import { budgetName } from '../../domain/budget.ts';
import { NexusError } from '../../domain/errors.ts';
import { plural, quote } from '../../domain/words.ts';
import type { BudgetBody } from '../../wire/budget.ts';
import { addExamples } from '../operator/examples.ts';
import { readLabel } from '../operator/labels.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { readWholeNumber } from '../terminal/number.ts';
import { printable } from '../terminal/printable.ts';
import { renderTable } from '../terminal/table.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';

interface SetFlags extends OperatorFlags {
  readonly maxInFlight?: string;
}

async function setBudget(terminal: Terminal, wanted: string, flags: SetFlags): Promise<void> {
  const [label, value] = readLabel(wanted);
  if (flags.maxInFlight === undefined) {
    throw new NexusError('usage', '--max-in-flight is not given: write for example --max-in-flight 1.');
  }
  const max_in_flight = readWholeNumber('--max-in-flight', flags.maxInFlight, 1, 'for example 1');
  const budget = await withClient(flags, terminal, (client) => client.setBudget(label, value, { max_in_flight }));
  if (flags.json) return printJson(terminal, budget);
  const hosts = plural(budget.max_in_flight, 'host');
  printLine(terminal, `At most ${hosts} with the label ${printable(quote(budgetName(budget)))} may change at once.`);
}

async function listBudgets(terminal: Terminal, flags: OperatorFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listBudgets());
  if (flags.json) return printJson(terminal, list);
  if (list.budgets.length === 0) {
    printNote(terminal, 'There are no budgets. To set one: nexus budget set KEY=VALUE --max-in-flight N');
    return;
  }
  const table = await renderTable<BudgetBody>(
    terminal,
    [
      { title: 'BUDGET', cell: (row) => printable(budgetName(row)) },
      { title: 'AT MOST', cell: (row) => String(row.max_in_flight), align: 'right' },
      { title: 'CHANGING', cell: (row) => String(row.changing.length), align: 'right' },
      { title: 'HOSTS', cell: (row) => printable(row.changing.join(' ')), shrinks: true, dropOrder: 1 },
    ],
    list.budgets,
  );
  printLine(terminal, table);
}

async function removeBudget(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  const [label, value] = readLabel(wanted);
  const budget = await withClient(flags, terminal, (client) => client.removeBudget(label, value));
  if (flags.json) return printJson(terminal, budget);
  printLine(terminal, `Removed the budget ${printable(quote(budgetName(budget)))}.`);
}

function labelArgument(): Argument {
  return new Argument('<label>', 'the hosts that share it, as KEY=VALUE');
}

export function addBudgetCommands(program: Command, terminal: Terminal): void {
  const budget = program.command('budget').description('limit how many hosts of a label change at once');
  addExamples(budget, [
    ['nexus budget set rack=a --max-in-flight 1', 'Never change two hosts of a rack at once, whatever the rollouts'],
    ['nexus budget list', 'List the budgets, and which hosts take up their places'],
  ]);

  const set = budget.command('set').description('set the budget of a label, for all rollouts together');
  set
    .addArgument(labelArgument())
    .addOption(option('--max-in-flight <count>', 'how many of its hosts may change at the same time'));
  addOperatorFlags(set).action((label, flags: SetFlags) => setBudget(terminal, label, flags));
  addExamples(set, [['nexus budget set role=db --max-in-flight 1', 'Change one database at a time']]);

  const list = budget.command('list').alias('ls').description('list the budgets, and the hosts that are changing');
  addOperatorFlags(list).action((flags) => listBudgets(terminal, flags));
  addExamples(list, [
    [
      'nexus budget list --json | jq -r \'.budgets[] | select((.changing | length) == .max_in_flight) | .label + "=" + .value\'',
      'Print the budgets that are used up',
    ],
  ]);

  const remove = budget.command('remove').alias('rm').description('remove the budget of a label');
  addOperatorFlags(remove.addArgument(labelArgument())).action((label, flags) => removeBudget(terminal, label, flags));
  addExamples(remove, [['nexus budget remove rack=a', 'Let rollouts change any number of hosts of the rack again']]);
}
