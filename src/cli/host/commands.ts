import { Argument, type Command } from 'commander';
import { NexusError } from '../../domain/errors.ts';
import { isHostName } from '../../domain/host.ts';
import { addExamples } from '../operator/examples.ts';
import { formatLabels, readLabelChanges, readLabels } from '../operator/labels.ts';
import { addOperatorFlags, hostArgument, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { readDuration } from '../terminal/duration.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { printAgentStart, serverUrlFor } from './agent-start.ts';
import { type MetricsFlags, showMetrics } from './metrics.ts';

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function readHostName(text: string): string {
  if (isHostName(text)) return text;
  const nearest = text.toLowerCase().replaceAll('_', '-');
  throw new NexusError(
    'usage',
    `'${text}' is no host name: use lower-case letters, digits, '-' and '.', at most 253 characters (RFC 1123).`,
    isHostName(nearest) ? { details: { did_you_mean: nearest } } : {},
  );
}

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
      : { offline_after_seconds: readDuration('--offline-after', flags.offlineAfter) }),
  };
  const created = await withClient(flags, terminal, (client) => client.createHost(body));
  if (flags.json) return printJson(terminal, created);
  printLine(terminal, `Added ${created.host.name}. It is pending until its agent reports for the first time.`);
  if (created.token === undefined) {
    printNote(terminal, `Its agent needs a token: nexus token create --host ${created.host.name}`);
  } else {
    printAgentStart(terminal, serverUrlFor(flags, terminal), created.host.name, created.token);
  }
}

async function listHosts(terminal: Terminal, flags: OperatorFlags & { readonly all?: true }): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listHosts());
  if (flags.json) return printJson(terminal, list);
  const shown = list.hosts.filter((host) => flags.all || host.status !== 'archived');
  const hidden = list.hosts.length - shown.length;
  if (shown.length > 0) {
    const { renderHosts } = await import('./page.ts');
    printLine(terminal, await renderHosts(terminal, shown));
  } else {
    printNote(terminal, 'No hosts yet. Add the first one: nexus host add NAME --token');
  }
  if (hidden > 0) printNote(terminal, `${hidden} archived, not shown: nexus host list --all`);
}

async function showHost(terminal: Terminal, name: string, flags: OperatorFlags): Promise<void> {
  await withClient(flags, terminal, async (client) => {
    const host = await client.getHost(name);
    if (flags.json) return printJson(terminal, host);
    const { containers } = await client.listContainers(name);
    const { renderHostPage } = await import('./page.ts');
    printLine(
      terminal,
      await renderHostPage(
        terminal,
        host,
        containers.filter((container) => container.removed_at === null),
      ),
    );
  });
}

async function listContainers(
  terminal: Terminal,
  name: string,
  flags: OperatorFlags & { readonly all?: true },
): Promise<void> {
  const list = await withClient(flags, terminal, (client) => client.listContainers(name));
  if (flags.json) return printJson(terminal, list);
  const shown = list.containers.filter((container) => flags.all || container.removed_at === null);
  if (shown.length === 0) {
    printNote(terminal, `No containers reported by ${name}. What its agent last said: nexus host show ${name}`);
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
  printLine(terminal, `Labels of ${host.name}: ${now === '' ? 'none' : printable(now)}`);
}

async function setHost(
  terminal: Terminal,
  name: string,
  flags: OperatorFlags & { readonly offlineAfter: string },
): Promise<void> {
  const seconds = readDuration('--offline-after', flags.offlineAfter);
  const host = await withClient(flags, terminal, (client) =>
    client.updateHost(name, { offline_after_seconds: seconds }),
  );
  if (flags.json) return printJson(terminal, host);
  printLine(terminal, `${host.name} is called offline after ${host.offline_after_seconds} s of silence.`);
}

async function archiveHost(terminal: Terminal, name: string, flags: OperatorFlags): Promise<void> {
  const host = await withClient(flags, terminal, (client) => client.archiveHost(name));
  if (flags.json) return printJson(terminal, host);
  printLine(terminal, `Archived ${host.name}: its tokens are revoked, its history stays.`);
}

function addReadingCommands(host: Command, terminal: Terminal): void {
  const list = host.command('list').alias('ls').description('list the hosts and how they do');
  addOperatorFlags(list.option('--all', 'archived hosts too')).action((flags) => listHosts(terminal, flags));
  addExamples(list, [
    ['nexus host list', 'The fleet at a glance'],
    [
      'nexus host list --json | jq -r \'.hosts[] | select(.status == "offline").name\'',
      'Names of hosts that went silent',
    ],
  ]);

  const show = host
    .command('show')
    .description('show one host with its metrics and containers')
    .addArgument(hostArgument());
  addOperatorFlags(show).action((name, flags) => showHost(terminal, name, flags));
  addExamples(show, [
    ['nexus host show web-1', 'Facts, latest metrics and containers of one host'],
    ['nexus host show web-1 --json | jq .metrics', 'Its latest metrics for a script'],
  ]);

  const containers = host.command('containers').description("list a host's containers").addArgument(hostArgument());
  addOperatorFlags(containers.option('--all', 'removed containers too')).action((name, flags) =>
    listContainers(terminal, name, flags),
  );
  addExamples(containers, [
    ['nexus host containers web-1', 'What runs there, with CPU and memory'],
    ['nexus host containers web-1 --all', 'Containers that are gone as well'],
  ]);

  const metrics = host
    .command('metrics')
    .description("show a host's or a container's history")
    .addArgument(hostArgument());
  metrics
    .option('--container <name>', 'of this container (name or id) instead of the host')
    .option('--from <when>', 'how long ago (1h, 7d) or an ISO 8601 time')
    .option('--to <when>', 'likewise; now when not given')
    .option('--step <duration>', 'one point per step (60s, 1h); every raw sample when not given');
  addOperatorFlags(metrics).action((name, flags: MetricsFlags) => showMetrics(terminal, name, flags));
  addExamples(metrics, [
    ['nexus host metrics web-1 --from 6h --step 5m', 'Six hours in steps of five minutes'],
    ['nexus host metrics web-1 --container shop-db --from 1h', 'Every sample of one container'],
  ]);
}

function addChangingCommands(host: Command, terminal: Terminal): void {
  const add = host.command('add').description('add a host').addArgument(new Argument('<name>', 'its name (RFC 1123)'));
  add
    .option('--label <key=value>', 'label it; may be given several times', collect)
    .option('--token', "mint its agent's token too, and print the command that starts the agent")
    .option('--offline-after <duration>', 'silence after which it is called offline (120s when not given)');
  addOperatorFlags(add).action((name, flags) => addHost(terminal, name, flags));
  addExamples(add, [
    ['nexus host add web-1 --token', 'Add a host and get the command for its agent'],
    ['nexus host add db-1 --label role=db --label zone=a', 'Add a host with labels'],
    ['nexus host add web-2 --token --json | jq -r .token.token', 'Its token for a script'],
  ]);

  const label = host.command('label').description('set and delete labels').addArgument(hostArgument());
  label.addArgument(new Argument('<labels...>', 'KEY=VALUE sets a label, KEY- deletes it'));
  addOperatorFlags(label).action((name, changes, flags) => labelHost(terminal, name, changes, flags));
  addExamples(label, [
    ['nexus host label web-1 role=web zone=a', 'Set two labels'],
    ['nexus host label web-1 zone-', 'Delete one'],
  ]);

  const set = host.command('set').description("change a host's settings").addArgument(hostArgument());
  set.requiredOption('--offline-after <duration>', 'silence after which it is called offline (10s to 7d)');
  addOperatorFlags(set).action((name, flags) => setHost(terminal, name, flags));
  addExamples(set, [['nexus host set laptop-1 --offline-after 1h', 'Give a host that sleeps more time']]);

  const archive = host.command('archive').description('archive a host for good').addArgument(hostArgument());
  addOperatorFlags(archive).action((name, flags) => archiveHost(terminal, name, flags));
  addExamples(archive, [['nexus host archive web-1', 'Revoke its tokens and keep its history; its name stays taken']]);
}

export function addHostCommands(program: Command, terminal: Terminal): void {
  const host = program.command('host').description('add, see and change hosts');
  addExamples(host, [
    ['nexus host add web-1 --token', 'Add a host and get the command for its agent'],
    ['nexus host list', 'The fleet at a glance'],
    ['nexus host show web-1', 'One host with its containers'],
  ]);
  addReadingCommands(host, terminal);
  addChangingCommands(host, terminal);
}
