import type { Command } from 'commander';
import { releaseName, shortDigest } from '../../domain/words.ts';
import { releaseArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { findRelease } from '../operator/release-reference.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { addReleaseCreateCommand } from './create.ts';

async function listReleases(terminal: Terminal, flags: OperatorFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listReleases());
  if (flags.json) return printJson(terminal, list);
  if (list.releases.length === 0) {
    printNote(
      terminal,
      'There are no releases yet. To add the first one: nexus release create --stack NAME --version VERSION --compose FILE',
    );
    return;
  }
  const { renderReleases } = await import('./page.ts');
  printLine(terminal, await renderReleases(terminal, list.releases));
}

async function showRelease(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const release = await findRelease(client, wanted);
    const { sent, manifest } = await client.getManifest(release.digest);
    if (flags.json) return printJson(terminal, sent);
    const { renderReleasePage } = await import('./page.ts');
    printLine(terminal, renderReleasePage(terminal, release, manifest));
  });
}

async function liftQuarantine(
  terminal: Terminal,
  wanted: string,
  flags: OperatorFlags & { readonly reason: string },
): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const release = await findRelease(client, wanted);
    const lifted = await client.liftQuarantine(release.digest, flags.reason);
    if (flags.json) return printJson(terminal, lifted);
    printLine(terminal, `Lifted the quarantine of ${printable(releaseName(release))}. It may be dispatched again.`);
    printNote(
      terminal,
      `To bring it to hosts: nexus rollout create ${shortDigest(release.digest)} --selector KEY=VALUE`,
    );
  });
}

async function removeRelease(terminal: Terminal, wanted: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const release = await findRelease(client, wanted);
    const removed = await client.removeRelease(release.digest);
    if (flags.json) return printJson(terminal, removed);
    const name = printable(`${release.stack}@${release.version}`);
    printLine(terminal, `Removed ${printable(releaseName(release))}. The name ${name} is free again.`);
  });
}

export function addReleaseCommands(program: Command, terminal: Terminal): void {
  const release = program.command('release').description('add, list, show and remove releases of Compose stacks');
  addExamples(release, [
    ['nexus release create --stack shop --version 1.4 --compose compose.yaml', 'Add a release'],
    ['nexus release list', 'List what can be rolled out'],
    ['nexus release show shop@1.4', 'Show what a release runs and how it is judged'],
  ]);
  addReleaseCreateCommand(release, terminal);

  const list = release.command('list').alias('ls').description('list releases, newest first');
  addOperatorFlags(list).action((flags) => listReleases(terminal, flags));
  addExamples(list, [
    ['nexus release list', 'List what can be rolled out, and what is quarantined'],
    [
      "nexus release list --json | jq -r '.releases[] | select(.quarantine) | .quarantine.output'",
      'Print the evidence against each quarantined release',
    ],
  ]);

  const show = release.command('show').description('show a release: how it is judged, and what it runs');
  addOperatorFlags(show.addArgument(releaseArgument())).action((wanted, flags) => showRelease(terminal, wanted, flags));
  addExamples(show, [
    ['nexus release show shop@1.4', 'Show a release by its stack and version'],
    [
      'nexus release show 4f2a9c01b7de --json > release.json',
      'Save its manifest, for another server or a next version',
    ],
  ]);

  const remove = release.command('remove').alias('rm').description('remove a release that runs nowhere');
  addOperatorFlags(remove.addArgument(releaseArgument())).action((wanted, flags) =>
    removeRelease(terminal, wanted, flags),
  );
  remove.addHelpText(
    'after',
    '\nIts stack and version may be given to another release then. Rollouts of it stay in the log, and so does a quarantine.\nIt is refused while a host runs the release, or a rollout may still bring it to one.',
  );
  addExamples(remove, [['nexus release remove shop@1.4', 'Make room for another shop@1.4']]);

  const lift = release.command('lift').description('lift the quarantine of a release');
  lift
    .addArgument(releaseArgument('quarantined-release'))
    .requiredOption('--reason <text>', 'why it is lifted; the log keeps it');
  addOperatorFlags(lift).action((wanted, flags) => liftQuarantine(terminal, wanted, flags));
  addExamples(lift, [
    [
      "nexus release lift shop@1.4 --reason 'the registry was down'",
      'Let it be dispatched again once the cause is known',
    ],
  ]);
}
