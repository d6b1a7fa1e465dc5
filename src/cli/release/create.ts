import { type Command, Option } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { shortDigest } from '../../domain/words.ts';
import type { ReleaseBody } from '../../wire/release.ts';
import { completedBy } from '../operator/completion-source.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import type { ManifestFlags } from './manifest.ts';

type CreateFlags = OperatorFlags &
  Partial<ManifestFlags> & {
    readonly compose?: string;
    readonly file?: readonly string[];
    readonly manifest?: string;
  };

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function required(flag: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new NexusError(
    'usage',
    `${flag} is missing: a release needs --stack NAME, --version VERSION and --compose FILE, or a whole --manifest FILE.`,
  );
}

async function manifestOf(flags: CreateFlags): Promise<unknown> {
  const [{ readSources, readTextFile }, { buildManifest, readManifest }] = await Promise.all([
    import('./files.ts'),
    import('./manifest.ts'),
  ]);
  if (flags.manifest !== undefined) return readManifest(await readTextFile('--manifest', flags.manifest));
  const stack = required('--stack', flags.stack);
  const version = required('--version', flags.version);
  const sources = await readSources(required('--compose', flags.compose), flags.file ?? []);
  return buildManifest({ ...flags, stack, version }, sources);
}

/** What the one who creates a release should know about it before rolling it out. */
function notesOf(release: ReleaseBody, before: readonly ReleaseBody[]): string[] {
  const name = `${release.stack} ${release.version}`;
  const known = before.some((one) => one.digest === release.digest);
  const namesake = before.find(
    (one) => one.stack === release.stack && one.version === release.version && one.digest !== release.digest,
  );
  return [
    known ? `${name} is already known; nothing has changed. Its digest:` : `Added ${name}. Its digest:`,
    ...(namesake === undefined
      ? []
      : [`Careful: another content is also called ${name} (${shortDigest(namesake.digest)}); name them by digest.`]),
    ...(release.quarantine === null
      ? []
      : [`It is quarantined and will not be dispatched: nexus release show ${shortDigest(release.digest)}`]),
  ];
}

async function create(client: NexusClient, terminal: Terminal, flags: CreateFlags, manifest: unknown): Promise<void> {
  if (flags.json) return printJson(terminal, await client.createRelease(manifest));
  const { releases } = await client.listReleases();
  const release = await client.createRelease(manifest);
  for (const note of notesOf(release, releases)) printNote(terminal, printable(note));
  // Alone on stdout, so that `DIGEST=$(nexus release create …)` holds it and nothing else.
  printLine(terminal, release.digest);
  printNote(
    terminal,
    `See what a rollout would do: nexus rollout plan ${shortDigest(release.digest)} --selector KEY=VALUE --waves 1,100%`,
  );
}

async function createRelease(terminal: Terminal, flags: CreateFlags): Promise<void> {
  const manifest = await manifestOf(flags);
  await withClient(flags, terminal, (client) => create(client, terminal, flags, manifest));
}

const CONTENT_FLAGS = [
  'stack',
  'version',
  'compose',
  'file',
  'probeHttp',
  'probeTcp',
  'probeExec',
  'observe',
  'soak',
  'activationTimeout',
  'sustainedFailure',
  'onFailure',
  'telemetry',
  'maxRestarts',
  'maxMemoryGrowth',
  'maxCpuRatio',
  'minCpuPercent',
  'maxUnhealthy',
] as const satisfies ReadonlyArray<keyof CreateFlags>;

function addContentFlags(command: Command): Command {
  return command
    .option('--stack <name>', 'the Compose project it belongs to')
    .option('--version <version>', 'what people call it')
    .addOption(completedBy('file', new Option('--compose <file>', 'its compose file; - reads standard input')))
    .addOption(
      completedBy(
        'file',
        new Option(
          '--file <path>',
          "a text file that it needs, relative to the compose file's folder; may be given several times",
        ).argParser(collect),
      ),
    )
    .option('--probe-http <name=url>', 'enforce that this URL answers below 400; may be given several times', collect)
    .option('--probe-tcp <name=host:port>', 'enforce that this port takes connections; likewise', collect)
    .option('--probe-exec <name=service:command>', 'enforce that this command succeeds in a service; likewise', collect)
    .option('--observe <name>', 'only record this probe, do not enforce it; likewise', collect);
}

function addPolicyFlags(command: Command): Command {
  return command
    .option('--soak <duration>', 'watch a host this long before it counts as converged (60s)')
    .option('--activation-timeout <duration>', 'pulling and starting may take this long (10m)')
    .option('--sustained-failure <duration>', 'an enforced probe that fails for longer fails the host (15s)')
    .addOption(
      new Option('--on-failure <what>', 'what a failed host does (rollback-and-halt)').choices([
        'halt',
        'rollback-and-halt',
      ]),
    )
    .addOption(
      new Option('--telemetry <mode>', 'the look at the telemetry of the soak (judged)').choices([
        'judged',
        'required',
        'off',
      ]),
    )
    .option('--max-restarts <count>', 'restarts of one container during the soak (2)')
    .option('--max-memory-growth <mb>', "MB a minute beyond the host's own baseline and its peers' (16)")
    .option('--max-cpu-ratio <ratio>', 'CPU as a multiple of the baseline (3)')
    .option('--min-cpu-percent <percent>', 'CPU below this is never too much (25)')
    .option('--max-unhealthy <duration>', 'time that containers may be unhealthy (30s)');
}

export function addReleaseCreateCommand(release: Command, terminal: Terminal): void {
  const create = release.command('create').description('add a release; prints its digest');
  addPolicyFlags(addContentFlags(create)).addOption(
    completedBy(
      'file',
      new Option('--manifest <file>', 'a whole manifest as JSON, instead of all the flags above').conflicts([
        ...CONTENT_FLAGS,
      ]),
    ),
  );
  addOperatorFlags(create).action((flags: CreateFlags) => createRelease(terminal, flags));
  create.addHelpText(
    'after',
    "\nA service's own healthcheck is always an enforced probe. A release never changes: the same content has the same digest.",
  );
  addExamples(create, [
    ['nexus release create --stack shop --version 1.4 --compose compose.yaml', 'A stack as it is'],
    [
      'nexus release create --stack shop --version 1.5 --compose shop/compose.yaml --file conf/nginx.conf --probe-http front=http://127.0.0.1:8080/health --soak 5m',
      'With a file beside it (shop/conf/nginx.conf), a probe and a longer soak',
    ],
    [
      "nexus release create --stack shop --version 1.5 --compose - --probe-exec 'ready=db:pg_isready -U app' --observe ready < compose.yaml",
      'From a pipe, with a probe that is only recorded',
    ],
    ['RELEASE=$(nexus release create --manifest release.json)', 'Only the digest goes to stdout'],
  ]);
}
