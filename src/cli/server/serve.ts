import { isIP } from 'node:net';
import type { Command, Option } from 'commander';
import { messageOf, NexusError } from '../../domain/errors.ts';
import { DEFAULT_RETENTION, type Retention, type Tier } from '../../domain/history.ts';
import { isHostName } from '../../domain/host.ts';
import type { Log } from '../../domain/log.ts';
import { isLoopback } from '../../domain/loopback.ts';
import { DEFAULT_AGENT_RATE_LIMIT } from '../../domain/telemetry.ts';
import { NEXUS_COMMIT, NEXUS_VERSION } from '../../domain/version.ts';
import type { ApplianceConfig } from '../../main.ts';
import { collect, dataOption } from '../operator/arguments.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import { addExamples } from '../operator/examples.ts';
import { option } from '../operator/option.ts';
import type { ServerAddress } from '../operator/server-address.ts';
import { durationFlag, readDurationOrZero } from '../terminal/duration.ts';
import { readWholeNumber } from '../terminal/number.ts';
import { aborted, stopSignal } from '../terminal/stop-signal.ts';
import { printLine, settingOf, type Terminal } from '../terminal/terminal.ts';
import { parseListenAddress } from './listen-address.ts';

interface ServeFlags {
  readonly data?: string;
  readonly listen: string;
  readonly tls?: 'own' | 'off';
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsName?: readonly string[];
  readonly publicUrl?: string;
  readonly agentRateLimit: string;
  readonly keepRaw: string;
  readonly keep1m: string;
  readonly keep10m: string;
  readonly keep1h: string;
  readonly remoteWrite?: string;
}

const DEFAULT_LISTEN = '127.0.0.1:8470';

/** Secrets are kept out of arguments, which every user of the machine can read. */
const REMOTE_WRITE_AUTHORIZATION = 'NEXUS_REMOTE_WRITE_AUTHORIZATION';

function readRemoteWrite(text: string | undefined, terminal: Terminal): Pick<ApplianceConfig, 'remoteWrite'> {
  if (text === undefined) return {};
  const url = URL.parse(text);
  if (url !== null && (url.username !== '' || url.password !== '')) {
    throw new NexusError(
      'usage',
      `--remote-write contains credentials, which other users could read: put the Authorization header into ${REMOTE_WRITE_AUTHORIZATION} instead, for example 'Bearer …'.`,
    );
  }
  if (url !== null && /^https?:$/.test(url.protocol)) {
    return { remoteWrite: { url: text, authorization: settingOf(terminal, REMOTE_WRITE_AUTHORIZATION) ?? null } };
  }
  throw new NexusError(
    'usage',
    `--remote-write is '${text}', which is not an HTTP address: write for example https://metrics.example.com/api/v1/write.`,
  );
}

/** The address by which others reach the server, through a proxy or under a name that it does not know itself. */
function readPublicUrl(text: string | undefined): URL | null {
  if (text === undefined) return null;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}${url.pathname}`) return url;
  throw new NexusError(
    'usage',
    `--public-url is '${text}', which is not the address of a server: write for example https://nexus.example.com:8470.`,
  );
}

/** The certificate of the server; nothing for plain HTTP. A network gets TLS unless the flags say otherwise. */
function readTls(flags: ServeFlags, listenHost: string, publicUrl: URL | null): Pick<ApplianceConfig, 'tls'> {
  const { tls, tlsCert, tlsKey, tlsName } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new NexusError('usage', '--tls-cert and --tls-key belong together: give both files, or neither.');
  }
  const isOn = tls === undefined ? tlsCert !== undefined || !isLoopback(listenHost) : tls === 'own';
  if (tlsName !== undefined && (!isOn || tlsCert !== undefined)) {
    throw new NexusError('usage', '--tls-name is for a certificate from the CA of the server: add --tls own.');
  }
  if (!isOn) return {};
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return { tls: { kind: 'files', certificateFile: tlsCert, keyFile: tlsKey } };
  }
  for (const name of tlsName ?? []) {
    if (isIP(name) === 0 && !isHostName(name)) {
      throw new NexusError('usage', `--tls-name is '${name}', which is neither a host name nor an IP address.`);
    }
  }
  const publicNames = publicUrl === null ? [] : [publicUrl.hostname.replace(/^\[(.*)\]$/, '$1')];
  return { tls: { kind: 'own', names: [...(tlsName ?? []), ...publicNames] } };
}

function readRetention(flags: ServeFlags): Retention {
  return {
    raw: readDurationOrZero('--keep-raw', flags.keepRaw) * 1000,
    '1m': readDurationOrZero('--keep-1m', flags.keep1m) * 1000,
    '10m': readDurationOrZero('--keep-10m', flags.keep10m) * 1000,
    '1h': readDurationOrZero('--keep-1h', flags.keep1h) * 1000,
  };
}

async function recordAddress(dataDir: string, address: ServerAddress, log: Log): Promise<void> {
  const { rememberServerAddress } = await import('../operator/server-address.ts');
  try {
    rememberServerAddress(dataDir, address);
  } catch (error) {
    log.warn(
      { reason: messageOf(error) },
      "the address could not be recorded: 'nexus host add' prints the default address",
    );
  }
}

async function serve(terminal: Terminal, flags: ServeFlags): Promise<void> {
  const listen = parseListenAddress(flags.listen);
  const agentRateLimit = readWholeNumber(
    '--agent-rate-limit',
    flags.agentRateLimit,
    0,
    'how many requests a token may send per minute, or 0 for no limit',
  );
  const publicUrl = readPublicUrl(flags.publicUrl);
  const tls = readTls(flags, listen.host, publicUrl);
  const retention = readRetention(flags);
  const remoteWrite = readRemoteWrite(flags.remoteWrite, terminal);
  const dataDir = dataDirectoryOf(flags.data, terminal);
  const { createLog } = await import('../terminal/create-log.ts');
  const log = createLog(terminal);
  log.info({ version: NEXUS_VERSION, commit: NEXUS_COMMIT }, 'starting');
  // Before anything is open, so that a signal during a long start stops the server and does not kill it.
  const stop = stopSignal(log);
  const { openAppliance } = await import('../../main.ts');
  const appliance = await openAppliance(
    { dataDir, listen, agentRateLimit, retention, ...tls, ...remoteWrite },
    terminal.runtime,
    log,
  );
  const { authorityFile } = appliance;
  await recordAddress(dataDir, { url: publicUrl?.href ?? appliance.url, authorityFile }, log);
  printLine(terminal, `nexus listening on ${appliance.url}`);
  await aborted(stop);
  await appliance.close();
  log.info({}, 'stopped');
}

function keepOption(tier: Tier, what: string): Option {
  const fallback = durationFlag(DEFAULT_RETENTION[tier] / 1000);
  return option(`--keep-${tier} <duration>`, `how long to keep ${what}; 0 for not at all`).default(fallback);
}

export function addServeCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('serve')
    .description('run the server')
    .addOption(dataOption('directory of its state'))
    .addOption(
      option('--listen <host:port>', 'address for agents, and for operators with --url').default(DEFAULT_LISTEN),
    )
    .addOption(
      option('--tls <mode>', "'own' has a CA in the data directory issue the certificate, 'off' is plain HTTP", {
        default: 'own, or off on a loopback address',
      })
        .choices(['own', 'off'])
        .conflicts(['tlsCert', 'tlsKey']),
    )
    .addOption(
      option('--tls-cert <file>', 'certificate of another CA, with its chain, in PEM; reread when it changes', {
        completion: 'file',
      }),
    )
    .addOption(option('--tls-key <file>', 'private key of that certificate', { completion: 'file' }))
    .addOption(
      option(
        '--tls-name <name>',
        'host name or address by which clients know this server, besides its own; may be repeated',
      ).argParser(collect),
    )
    .addOption(
      option(
        '--public-url <url>',
        "address by which agents reach this server, for 'nexus host add' and for the certificate",
        { default: 'the address of --listen' },
      ),
    )
    .addOption(
      option('--agent-rate-limit <count>', 'requests per minute with one agent token; 0 for no limit').default(
        String(DEFAULT_AGENT_RATE_LIMIT),
      ),
    )
    .addOption(keepOption('raw', 'every sample'))
    .addOption(keepOption('1m', 'one point per minute'))
    .addOption(keepOption('10m', 'one point per 10 minutes'))
    .addOption(keepOption('1h', 'one point per hour'))
    .addOption(
      option(
        '--remote-write <url>',
        `forward every sample to this Prometheus remote-write address, with the header in ${REMOTE_WRITE_AUTHORIZATION}`,
      ),
    )
    .action((flags) => serve(terminal, flags));
  command.addHelpText(
    'after',
    '\nOperators on this machine need no token: commands use the socket in the data directory.\nLogs are JSON lines on stderr; NEXUS_LOG_LEVEL is debug, info (default), warn, error or silent.',
  );
  addExamples(command, [
    ['nexus serve', 'Serve this machine only'],
    [
      'nexus serve --listen 0.0.0.0:8470',
      'Serve agents on other machines too, over TLS: they and operators need DATA/pki/ca.pem',
    ],
    [
      'nexus serve --listen 0.0.0.0:8470 --tls-cert chain.pem --tls-key key.pem',
      'Serve with a certificate that everyone trusts already',
    ],
    ['nexus serve --listen 10.0.0.5:8470 --tls off', 'Serve a proxy that terminates TLS'],
    ['nexus serve --data ./nexus-data --listen [::1]:0', 'Run a second server, on any free port'],
    ['nexus serve --keep-raw 7d --keep-1h 5y', 'Keep every sample for a week, and a point per hour for five years'],
    ['nexus serve --remote-write http://127.0.0.1:8428/api/v1/write', 'Forward to VictoriaMetrics as well'],
  ]);
}
