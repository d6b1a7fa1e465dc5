import { Argument, type Command } from 'commander';
import { DEFAULT_OFFLINE_AFTER_SECONDS, OFFLINE_AFTER_SECONDS } from '../../domain/host.ts';
import { formatLabels, formatSpan, plural } from '../../domain/words.ts';
import { collect, hostArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { readHostName } from '../operator/host-name.ts';
import { readLabelChanges, readLabels } from '../operator/labels.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { durationFlag, readDuration } from '../terminal/duration.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { printAgentStart } from './agent-start.ts';
import { type MetricsFlags, showMetrics } from './metrics.ts';

interface AddFlags extends OperatorFlags {
  readonly label?: readonly string[];
  readonly token?: true;
  readonly offlineAfter?: string;
}

async function addHost(terminal: Terminal, name: string, flags: AddFlags): Promise<void> {
  const body = {
    name: readHostName(name),
    labels: readLabels(flags.label ?? []),
    ...(flags.token === undefined ? {} : { token: flags.token }),
    ...(flags.offlineAfter === undefined
      ? {}
      : { offline_after_seconds: readDuration('--offline-after', flags.offlineAfter, OFFLINE_AFTER_SECONDS) }),
  };
  const created = await withClient(flags, terminal, (client) => client.createHost(body));
  if (flags.json) return printJson(terminal, created);
  printLine(terminal, `Added ${created.host.name}. It is pending until its agent reports for the first time.`);
  if (created.token === undefined) {
    printNote(terminal, `Its agent needs a token. To create one: nexus token create --host ${created.host.name}`);
  } else {
    printAgentStart(terminal, flags, created.host.name, created.token);
  }
}

interface AllFlags extends OperatorFlags {
  readonly all?: true;
}

async function listHosts(terminal: Terminal, flags: AllFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listHosts());
  if (flags.json) return printJson(terminal, list);
  const shown = list.hosts.filter((host) => flags.all || host.status !== 'archived');
  const hidden = list.hosts.length - shown.length;
  if (shown.length > 0) {
    const { renderHosts } = await import('./page.ts');
    printLine(terminal, await renderHosts(terminal, shown));
  } else {
    printNote(terminal, 'There are no hosts yet. To add the first one: nexus host add NAME --token');
  }
  if (hidden > 0) {
    printNote(terminal, `Not shown: ${plural(hidden, 'archived host')}. To list all: nexus host list --all`);
  }
}

async function showHost(terminal: Terminal, name: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const host = await client.getHost(name);
    if (flags.json) return printJson(terminal, host);
    const [{ containers }, { stacks }] = await Promise.all([
      client.listContainers(name),
      client.listStacksOfHost(name),
    ]);
    const present = containers.filter((container) => container.removed_at === null);
    const { renderHostPage } = await import('./page.ts');
    printLine(terminal, await renderHostPage(terminal, host, stacks, present));
  });
}

async function listContainers(terminal: Terminal, name: string, flags: AllFlags): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listContainers(name));
  if (flags.json) return printJson(terminal, list);
  const shown = list.containers.filter((container) => flags.all || container.removed_at === null);
  if (shown.length === 0) {
    printNote(terminal, `${name} reports no containers. To see its latest report: nexus host show ${name}`);
    return;
  }
  const { renderContainers } = await import('./container-table.ts');
  printLine(terminal, await renderContainers(terminal, shown));
}

async function labelHost(
  terminal: Terminal,
  name: string,
  changes: readonly string[],
  flags: OperatorFlags,
): Promise<void> {
  const labels = readLabelChanges(changes);
  const host = await withClient(flags, terminal, (client) => client.updateHost(name, { labels }));
  if (flags.json) return printJson(terminal, host);
  const now = formatLabels(host.labels);
  printLine(terminal, now === '' ? `${host.name} has no labels now.` : `${host.name} is labelled ${printable(now)}.`);
}

async function setHost(
  terminal: Terminal,
  name: string,
  flags: OperatorFlags & { readonly offlineAfter: string },
): Promise<void> {
  const seconds = readDuration('--offline-after', flags.offlineAfter, OFFLINE_AFTER_SECONDS);
  const host = await withClient(flags, terminal, (client) =>
    client.updateHost(name, { offline_after_seconds: seconds }),
  );
  if (flags.json) return printJson(terminal, host);
  printLine(terminal, `${host.name} counts as offline after ${formatSpan(host.offline_after_seconds)} of silence.`);
}

async function archiveHost(terminal: Terminal, name: string, flags: OperatorFlags): Promise<void> {
  const host = await withClient(flags, terminal, (client) => client.archiveHost(name));
  if (flags.json) return printJson(terminal, host);
  printLine(terminal, `Archived ${host.name}. Its tokens are revoked, and its history is kept.`);
}

function addReadingCommands(host: Command, terminal: Terminal): void {
  const list = host.command('list').alias('ls').description('list hosts and their status');
  addOperatorFlags(list.option('--all', 'include archived hosts')).action((flags) => listHosts(terminal, flags));
  addExamples(list, [
    ['nexus host list', 'List the fleet'],
    [
      'nexus host list --json | jq -r \'.hosts[] | select(.status == "offline").name\'',
      'List the hosts that are offline',
    ],
  ]);

  const show = host.command('show').description('show a host with its metrics and containers');
  addOperatorFlags(show.addArgument(hostArgument())).action((name, flags) => showHost(terminal, name, flags));
  addExamples(show, [
    ['nexus host show web-1', 'Show the facts, latest metrics and containers of a host'],
    ['nexus host show web-1 --json | jq .metrics', 'Print its latest metrics for a script'],
  ]);

  const containers = host.command('containers').description('list the containers of a host');
  containers.addArgument(hostArgument()).option('--all', 'include removed containers');
  addOperatorFlags(containers).action((name, flags) => listContainers(terminal, name, flags));
  addExamples(containers, [
    ['nexus host containers web-1', 'List its containers with their CPU and memory'],
    ['nexus host containers web-1 --all', 'Include containers that are gone'],
  ]);

  const metrics = host.command('metrics').description('show the history of a host or of one of its containers');
  metrics
    .addArgument(hostArgument())
    .option('--container <name>', 'of this container, by name or id, instead of the host')
    .addOption(option('--from <when>', 'how long ago, for example 1h or 7d, or an ISO 8601 time', { default: '1h' }))
    .addOption(option('--to <when>', 'how long ago, or an ISO 8601 time', { default: 'now' }))
    .addOption(option('--step <duration>', 'one point per step, for example 60s or 1h', { default: 'every sample' }));
  addOperatorFlags(metrics).action((name, flags: MetricsFlags) => showMetrics(terminal, name, flags));
  addExamples(metrics, [
    ['nexus host metrics web-1 --from 6h --step 5m', 'Show six hours in steps of five minutes'],
    ['nexus host metrics web-1 --container shop-db --from 1h', 'Show every sample of a container'],
  ]);
}

function addChangingCommands(host: Command, terminal: Terminal): void {
  const add = host.command('add').description('add a host');
  add
    .addArgument(new Argument('<name>', 'its name (RFC 1123)'))
    .option('--label <key=value>', 'label the host; may be repeated', collect)
    .option('--token', 'also create a token for its agent, and print the command that starts the agent')
    .addOption(
      option('--offline-after <duration>', 'silence after which it counts as offline', {
        default: durationFlag(DEFAULT_OFFLINE_AFTER_SECONDS),
      }),
    );
  addOperatorFlags(add).action((name, flags) => addHost(terminal, name, flags));
  addExamples(add, [
    ['nexus host add web-1 --token', 'Add a host and print the command that starts its agent'],
    ['nexus host add db-1 --label role=db --label zone=a', 'Add a host with labels'],
    ['nexus host add web-2 --token --json | jq -r .token.token', 'Add a host and print its token for a script'],
  ]);

  const label = host.command('label').description('set and delete labels').addArgument(hostArgument());
  label.addArgument(new Argument('<labels...>', 'KEY=VALUE sets a label, KEY- deletes it'));
  addOperatorFlags(label).action((name, changes, flags) => labelHost(terminal, name, changes, flags));
  addExamples(label, [
    ['nexus host label web-1 role=web zone=a', 'Set two labels'],
    ['nexus host label web-1 zone-', 'Delete a label'],
  ]);

  const set = host.command('set').description('change the settings of a host').addArgument(hostArgument());
  const { min, max } = OFFLINE_AFTER_SECONDS;
  set.requiredOption(
    '--offline-after <duration>',
    `silence after which it counts as offline, ${durationFlag(min)} to ${durationFlag(max)}`,
  );
  addOperatorFlags(set).action((name, flags) => setHost(terminal, name, flags));
  addExamples(set, [['nexus host set laptop-1 --offline-after 1h', 'Give more time to a host that sleeps']]);

  const archive = host.command('archive').description('archive a host for good').addArgument(hostArgument());
  addOperatorFlags(archive).action((name, flags) => archiveHost(terminal, name, flags));
  addExamples(archive, [['nexus host archive web-1', 'Revoke its tokens and keep its history; its name stays taken']]);
}

export function addHostCommands(program: Command, terminal: Terminal): void {
  const host = program.command('host').description('add, list and change hosts');
  addExamples(host, [
    ['nexus host add web-1 --token', 'Add a host and print the command that starts its agent'],
    ['nexus host list', 'List the fleet'],
    ['nexus host show web-1', 'Show a host with its containers'],
  ]);
  addReadingCommands(host, terminal);
  addChangingCommands(host, terminal);
}
