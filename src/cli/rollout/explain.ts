import { Argument, type Command } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { explainHost } from '../../explain/host.ts';
import { evidenceLines, explainAll, explainDocument, figureLines } from '../../explain/rollout.ts';
import type { RolloutSnapshot } from '../../explain/snapshot.ts';
import type { Sentence } from '../../explain/tone.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import { rolloutArgument } from '../operator/arguments.ts';
import { completedBy } from '../operator/completion-source.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags } from '../operator/operator-command.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, type Terminal } from '../terminal/terminal.ts';
import { paintTone } from '../terminal/tone-style.ts';
import { withRollout } from './with-rollout.ts';

async function loadSnapshot(client: NexusClient, terminal: Terminal, rollout: RolloutBody): Promise<RolloutSnapshot> {
  const { loadContext, snapshotOf } = await import('./snapshot.ts');
  return snapshotOf(await loadContext(client, rollout), rollout, terminal.runtime.nowMs());
}

function printSentence(terminal: Terminal, { text, tone }: Sentence): void {
  printLine(terminal, paintTone(terminal, tone, printable(text)));
}

async function explain(
  terminal: Terminal,
  wanted: string,
  hostName: string | undefined,
  flags: OperatorFlags,
): Promise<void> {
  await withRollout(flags, terminal, wanted, async (client, id) => {
    const rollout = await client.getRollout(id);
    const host = rollout.hosts.find((one) => one.name === hostName);
    if (hostName !== undefined && host === undefined) {
      throw new NexusError(
        'not_found',
        `rollout ${id} has no host '${hostName}': 'nexus rollout show ${id} --all' lists its hosts.`,
      );
    }
    const snapshot = await loadSnapshot(client, terminal, rollout);
    if (flags.json) return printJson(terminal, explainDocument(snapshot, host));
    if (host === undefined) {
      for (const sentence of explainAll(snapshot)) printSentence(terminal, sentence);
      return;
    }
    printSentence(terminal, explainHost(snapshot, host));
    for (const line of evidenceLines(host)) printLine(terminal, printable(`  ${line}`));
    for (const [name, value] of figureLines(host)) printLine(terminal, printable(`  ${name.padEnd(38)}${value}`));
  });
}

export function addRolloutExplainCommand(rollout: Command, terminal: Terminal): void {
  const command = rollout.command('explain').description('say why a rollout and its hosts are where they are');
  command
    .addArgument(rolloutArgument())
    .addArgument(
      completedBy(
        'host',
        new Argument(
          '[host]',
          'only this host, with what failed services printed last and the figures of its telemetry',
        ),
      ),
    );
  addOperatorFlags(command).action((id, host, flags) => explain(terminal, id, host, flags));
  command.addHelpText(
    'after',
    "\n--json prints the rollout as the API answers it, with an 'explanation' of the rollout and of each host.",
  );
  addExamples(command, [
    ['nexus rollout explain latest', 'Explain the newest rollout and its hosts'],
    ['nexus rollout explain latest web-1', 'Explain one host, with the figures of its telemetry'],
  ]);
}
