import { type Command, Option } from 'commander';
import { messageOf, NexusError } from '../../domain/errors.ts';
import type { Retention } from '../../domain/history.ts';
import type { Log } from '../../domain/log.ts';
import type { ApplianceConfig } from '../../main.ts';
import { systemRuntime } from '../../runtime/system-runtime.ts';
import { completedBy } from '../operator/completion-source.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { readDurationOrOff } from '../terminal/duration.ts';
import { aborted, stopSignal } from '../terminal/stop-signal.ts';
import { printLine, settingOf, type Terminal } from '../terminal/terminal.ts';
import { parseListenAddress } from './listen-address.ts';

interface ServeFlags {
  readonly data?: string;
  readonly listen: string;
  readonly agentRateLimit: string;
  readonly keepRaw: string;
  readonly keep1m: string;
  readonly keep10m: string;
  readonly keep1h: string;
  readonly remoteWrite?: string;
}

const DEFAULT_LISTEN = '127.0.0.1:8470';
/** Requests in 60 s on one agent token. */
const DEFAULT_AGENT_RATE_LIMIT = '60';

function readRateLimit(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new NexusError(
      'usage',
      `--agent-rate-limit is '${text}', which is no whole number: give requests per minute and token, or 0 for no limit.`,
    );
  }
  return Number(text);
}

/** Secrets stay out of arguments, which every user of the machine can read. */
const REMOTE_WRITE_AUTHORIZATION = 'NEXUS_REMOTE_WRITE_AUTHORIZATION';

function readRemoteWrite(text: string | undefined, terminal: Terminal): Pick<ApplianceConfig, 'remoteWrite'> {
  if (text === undefined) return {};
  const url = URL.parse(text);
  if (url !== null && (url.username !== '' || url.password !== '')) {
    throw new NexusError(
      'usage',
      `--remote-write holds credentials, which other users could read: put the header into ${REMOTE_WRITE_AUTHORIZATION}, e.g. 'Bearer …'.`,
    );
  }
  if (url !== null && /^https?:$/.test(url.protocol)) {
    return { remoteWrite: { url: text, authorization: settingOf(terminal, REMOTE_WRITE_AUTHORIZATION) ?? null } };
  }
  throw new NexusError(
    'usage',
    `--remote-write is '${text}', which is no address: write https://HOST:PORT/api/v1/write`,
  );
}

function readRetention(flags: ServeFlags): Retention {
  return {
    raw: readDurationOrOff('--keep-raw', flags.keepRaw) * 1000,
    '1m': readDurationOrOff('--keep-1m', flags.keep1m) * 1000,
    '10m': readDurationOrOff('--keep-10m', flags.keep10m) * 1000,
    '1h': readDurationOrOff('--keep-1h', flags.keep1h) * 1000,
  };
}

async function noteAddress(dataDir: string, url: string, log: Log): Promise<void> {
  const { rememberServerAddress } = await import('../operator/server-address.ts');
  try {
    rememberServerAddress(dataDir, url);
  } catch (error) {
    log.warn({ reason: messageOf(error) }, "the address could not be noted: 'host add' will print the default one");
  }
}

async function serve(terminal: Terminal, flags: ServeFlags): Promise<void> {
  const listen = parseListenAddress(flags.listen);
  const agentRateLimit = readRateLimit(flags.agentRateLimit);
  const retention = readRetention(flags);
  const remoteWrite = readRemoteWrite(flags.remoteWrite, terminal);
  const dataDir = dataDirectoryOf(flags.data, terminal);
  const { createLog } = await import('../terminal/create-log.ts');
  const log = createLog(terminal);
  // Before anything is open, so that a stop during a long start is a stop and not a kill.
  const stop = stopSignal(log);
  const { openAppliance } = await import('../../main.ts');
  const appliance = await openAppliance(
    { dataDir, listen, agentRateLimit, retention, ...remoteWrite },
    systemRuntime,
    log,
  );
  await noteAddress(dataDir, appliance.url, log);
  printLine(terminal, `nexus listening on ${appliance.url}`);
  await aborted(stop);
  await appliance.close();
  log.info({}, 'stopped');
}

export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .description('run the server')
    .addOption(completedBy('directory', new Option('--data <dir>', 'where its state lies (NEXUS_DATA)')))
    .addOption(new Option('--listen <host:port>', 'address for agents and --url').default(DEFAULT_LISTEN))
    .addOption(
      new Option('--agent-rate-limit <count>', 'requests per minute on one agent token; 0: no limit').default(
        DEFAULT_AGENT_RATE_LIMIT,
      ),
    )
    .addOption(new Option('--keep-raw <duration>', 'how long every sample is kept; 0: not at all').default('48h'))
    .addOption(new Option('--keep-1m <duration>', 'how long points of a minute are kept; 0: not at all').default('14d'))
    .addOption(new Option('--keep-10m <duration>', 'of ten minutes').default('90d'))
    .addOption(new Option('--keep-1h <duration>', 'of an hour').default('2y'))
    .addOption(
      new Option(
        '--remote-write <url>',
        'forward every sample to this Prometheus remote-write address (NEXUS_REMOTE_WRITE_AUTHORIZATION)',
      ),
    )
    .action((flags) => serve(terminal, flags));
  command.addHelpText(
    'after',
    '\nOperators on this machine need no token: commands use the socket in the data directory.\nLogs are JSON lines on stderr; NEXUS_LOG_LEVEL is debug, info, warn or error.',
  );
  addExamples(command, [
    ['nexus serve', 'For this machine only'],
    [
      'nexus serve --listen 0.0.0.0:8470',
      'For agents on other machines too; put TLS before it outside a trusted network',
    ],
    ['nexus serve --data ./nexus-data --listen [::1]:0', 'Beside another one, on any free port'],
    ['nexus serve --keep-raw 7d --keep-1h 5y', 'Keep every sample for a week, and hours for five years'],
    ['nexus serve --remote-write http://127.0.0.1:8428/api/v1/write', 'Into VictoriaMetrics as well'],
  ]);
}
