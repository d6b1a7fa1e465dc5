import type { Command } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { DEFAULT_POLICY } from '../../domain/release.ts';
import { releaseName, shortDigest } from '../../domain/words.ts';
import type { ReleaseBody } from '../../wire/release.ts';
import { collect } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { durationFlag } from '../terminal/duration.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import type { ManifestFlags } from './manifest.ts';

type CreateFlags = OperatorFlags &
  Partial<ManifestFlags> & {
    readonly compose?: readonly string[];
    readonly file?: readonly string[];
    readonly manifest?: string;
    readonly pin?: boolean;
  };

function required(flag: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new NexusError(
    'usage',
    `${flag} is missing: a release needs --stack NAME and --version VERSION, or --manifest FILE alone.`,
  );
}

interface ReadRelease {
  readonly manifest: unknown;
  readonly notes: readonly string[];
}

async function readRelease(terminal: Terminal, flags: CreateFlags): Promise<ReadRelease> {
  const [{ readTextFile }, { readSources }, { buildManifest, readManifest }] = await Promise.all([
    import('./files.ts'),
    import('./sources.ts'),
    import('./manifest.ts'),
  ]);
  if (flags.manifest !== undefined) {
    return { manifest: readManifest(await readTextFile('--manifest', flags.manifest)), notes: [] };
  }
  const stack = required('--stack', flags.stack);
  const version = required('--version', flags.version);
  const read = await readSources(flags.compose ?? [], flags.file ?? [], terminal.env);
  const sources = flags.pin === true ? await (await import('./pin-images.ts')).pinSources(read, terminal.env) : read;
  return { manifest: buildManifest({ ...flags, stack, version }, sources), notes: sources.notes };
}

/** What should be known about a new release before it is rolled out. */
function notesOf(release: ReleaseBody, before: readonly ReleaseBody[]): string[] {
  const isKnown = before.some((one) => one.digest === release.digest);
  const namesake = before.find(
    (one) => one.stack === release.stack && one.version === release.version && one.digest !== release.digest,
  );
  return [
    isKnown ? `${releaseName(release)} exists already, and nothing has changed.` : `Added ${releaseName(release)}.`,
    ...(namesake === undefined
      ? []
      : [`Another release has the same name: ${releaseName(namesake)}. Use digests to tell them apart.`]),
    ...(release.quarantine === null
      ? []
      : [
          `It is quarantined and will not be dispatched. To see why: nexus release show ${shortDigest(release.digest)}`,
        ]),
  ];
}

async function create(
  client: NexusClient,
  terminal: Terminal,
  flags: CreateFlags,
  { manifest, notes }: ReadRelease,
): Promise<void> {
  if (flags.json) return printJson(terminal, await client.createRelease(manifest));
  const { releases } = await client.listReleases();
  const release = await client.createRelease(manifest);
  for (const note of [...notes, ...notesOf(release, releases)]) printNote(terminal, printable(note));
  // Alone on stdout, so that `DIGEST=$(nexus release create …)` contains nothing else.
  printLine(terminal, release.digest);
  printNote(
    terminal,
    `To see what a rollout would do: nexus rollout plan ${shortDigest(release.digest)} --selector KEY=VALUE --waves 1,100%`,
  );
}

async function createRelease(terminal: Terminal, flags: CreateFlags): Promise<void> {
  const read = await readRelease(terminal, flags);
  await withClient(flags, terminal, (client) => create(client, terminal, flags, read));
}

function addContentFlags(command: Command): Command {
  return command
    .option('--stack <name>', 'the Compose project it belongs to')
    .option('--version <version>', 'its version, as people call it')
    .addOption(
      option(
        '--compose <file>',
        'its Compose file; may be repeated, and later ones are merged over earlier ones; - reads standard input',
        { completion: 'file' },
      ).argParser(collect),
    )
    .addOption(
      option('--file <path>', "a further file or folder, relative to the Compose file's directory; may be repeated", {
        completion: 'file',
      }).argParser(collect),
    )
    .addOption(option('--pin', 'put the digests behind the tags of its images, as the registries say them now'))
    .option('--probe-http <name=url>', 'require this URL to answer with a status below 400; may be repeated', collect)
    .option('--probe-tcp <name=host:port>', 'require this port to accept connections; may be repeated', collect)
    .option(
      '--probe-exec <name=service:command>',
      'require this command to succeed in a service; may be repeated',
      collect,
    )
    .option('--observe <name>', 'record the results of this probe without requiring them; may be repeated', collect);
}

function addPolicyFlags(command: Command): Command {
  const { activationTimeoutSeconds, soakSeconds, sustainedFailureSeconds, pullBudgetSeconds } = DEFAULT_POLICY;
  const { onHealthFailure, onLostHost, onDrift, telemetry } = DEFAULT_POLICY;
  const seconds = (count: number) => ({ default: durationFlag(count) });
  const number = (count: number) => ({ default: String(count) });
  return command
    .addOption(option('--soak <duration>', 'how long a host must stay well before it converges', seconds(soakSeconds)))
    .addOption(
      option(
        '--activation-timeout <duration>',
        'how long starting may take, once the images are there',
        seconds(activationTimeoutSeconds),
      ),
    )
    .addOption(
      option(
        '--sustained-failure <duration>',
        'how long a required probe may fail before its host fails',
        seconds(sustainedFailureSeconds),
      ),
    )
    .addOption(
      option('--on-failure <action>', 'what a failed host does', { default: onHealthFailure }).choices([
        'halt',
        'rollback-and-halt',
      ]),
    )
    .addOption(
      option(
        '--pull-budget <duration>',
        'how long images may take to arrive, and trouble of a host or a registry may last',
        seconds(pullBudgetSeconds),
      ),
    )
    .addOption(
      option('--confirm <duration>', 'how long a host may be cut off from the server before it goes back by itself', {
        default: 'for ever',
      }),
    )
    .addOption(
      option('--on-lost-host <action>', 'what a host that falls silent for longer than its activation may take does', {
        default: onLostHost,
      }).choices(['hold', 'fail']),
    )
    .addOption(
      option('--on-drift <action>', 'what is done about containers that somebody stops or removes after the rollout', {
        default: onDrift,
      }).choices(['report', 'heal']),
    )
    .addOption(option('--rerun-jobs', 'run the ended jobs of the earlier release again on the way back to it'))
    .addOption(
      option(
        '--telemetry <mode>',
        'what becomes of a soak in which memory or CPU could not be judged: it passes, or it lasts until both were; off judges none',
        { default: telemetry.mode },
      ).choices(['judged', 'required', 'off']),
    )
    .addOption(
      option('--max-restarts <count>', 'how often a container may restart during the soak', {
        default: 'twice in its first 30 s, for the database that is not up yet',
      }),
    )
    .addOption(
      option(
        '--max-memory-growth <mib>',
        'MiB per minute by which memory may grow beyond what is usual',
        number(telemetry.maxMemoryGrowthMbPerMinute),
      ),
    )
    .addOption(option('--max-cpu-ratio <ratio>', 'CPU as a multiple of what is usual', number(telemetry.maxCpuRatio)))
    .addOption(
      option(
        '--min-cpu-percent <percent>',
        'CPU, in percent of a core, below which it is never too much',
        number(telemetry.minCpuPercent),
      ),
    )
    .addOption(
      option('--max-unhealthy <duration>', 'how long a container may be unhealthy during the soak', {
        default: `a quarter of the soak, at most ${durationFlag(telemetry.maxUnhealthySeconds)}`,
      }),
    );
}

export function addReleaseCreateCommand(release: Command, terminal: Terminal): void {
  const create = release.command('create').description('add a release and print its digest');
  addPolicyFlags(addContentFlags(create));
  const content = create.options.map((one) => one.attributeName());
  create.addOption(
    option('--manifest <file>', 'a whole manifest as JSON, instead of all the flags above', {
      completion: 'file',
    }).conflicts(content),
  );
  addOperatorFlags(create).action((flags: CreateFlags) => createRelease(terminal, flags));
  create.addHelpText(
    'after',
    '\nThe Compose file is read as Compose reads it: without --compose, COMPOSE_FILE or the compose.yaml of the current' +
      '\ndirectory counts, and a compose.override.yaml beside it too. What it needs becomes part of the release with its' +
      '\nmode: .env, env_file, configs, secrets, include, extends, files that are mounted, and folders that are mounted' +
      '\nread-only. A folder that is mounted writable belongs to the stack on each host, and so does its data.' +
      '\nThe healthcheck of a service is always required. A release never changes: the same content has the same digest.',
  );
  addExamples(create, [
    ['nexus release create --stack shop --version 1.4', 'Add the stack of the current directory as it is'],
    [
      'nexus release create --stack shop --version 1.5 --compose shop/compose.yaml --compose shop/compose.prod.yaml --probe-http front=http://127.0.0.1:8080/health --soak 5m',
      'Add a stack of two Compose files with what they need beside them, a probe and a longer soak',
    ],
    [
      "nexus release create --stack shop --version 1.5 --compose - --probe-exec 'ready=db:pg_isready -U app' --observe ready < compose.yaml",
      'Read the Compose file from a pipe, and only record the results of a probe',
    ],
    ['RELEASE=$(nexus release create --manifest release.json)', 'Capture the digest: nothing else goes to stdout'],
  ]);
}
