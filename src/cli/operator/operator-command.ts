import type { Command } from 'commander';
import { readAuthorityFile } from '../../../agent/read-authority-file.ts';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { isLoopback } from '../../domain/loopback.ts';
import { settingOf, type Terminal } from '../terminal/terminal.ts';
import { dataOption } from './arguments.ts';
import { dataDirectoryOf, operatorSocketOf } from './data-directory.ts';
import { option } from './option.ts';

/** The flags that every operator command takes. */
export interface OperatorFlags {
  readonly data?: string;
  readonly url?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly json?: boolean;
}

export function addOperatorFlags(command: Command): Command {
  return command
    .addOption(dataOption('data directory of the server on this machine'))
    .addOption(
      option('--url <url>', 'a server over the network, with the token in NEXUS_ADMIN_TOKEN').conflicts('data'),
    )
    .addOption(
      option('--ca <file>', 'CA of the server at --url, in PEM', {
        default: 'the CAs that Node.js trusts',
        env: 'NEXUS_CA',
        completion: 'file',
      }),
    )
    .option('--insecure', 'send the admin token to http:// on another machine, where the network can read it')
    .option('--json', 'print one JSON document, of the same shape as the API');
}

/**
 * Opens a client for the server that the flags name: `--url` with the token of the environment, or the socket in the
 * data directory. The client is loaded only now, because help, version and usage errors need no network. `timeoutMs`
 * bounds each call.
 */
export async function openClient(flags: OperatorFlags, terminal: Terminal, timeoutMs?: number): Promise<NexusClient> {
  const { NexusClient } = await import('../../client/nexus-client.ts');
  const { runtime } = terminal;
  const options = timeoutMs === undefined ? { runtime } : { runtime, timeoutMs };
  if (flags.url === undefined) {
    if (flags.ca !== undefined || flags.insecure === true) {
      throw new NexusError('usage', '--ca and --insecure are for a server at --url: add it, or leave them out.');
    }
    return new NexusClient({ socketPath: operatorSocketOf(dataDirectoryOf(flags.data, terminal)) }, options);
  }
  const token = settingOf(terminal, 'NEXUS_ADMIN_TOKEN');
  if (token === undefined) {
    throw new NexusError(
      'usage',
      "--url needs an admin token, and NEXUS_ADMIN_TOKEN is not set: create a token with 'nexus token create --admin' on the server, and export it under that name.",
    );
  }
  refusePlainHttp(flags.url, flags.insecure === true);
  return new NexusClient({ url: flags.url, token, authorityPem: authorityOf(flags, terminal) }, options);
}

/** An admin token in plain HTTP belongs to whoever listens. */
function refusePlainHttp(text: string, isAllowed: boolean): void {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:' || isLoopback(url.hostname) || isAllowed) return;
  throw new NexusError(
    'usage',
    `over ${url.origin}, everyone on the network could read your admin token. Write https:// in --url (a server that listens on a network speaks TLS unless it runs with --tls off), or accept that with --insecure.`,
  );
}

function authorityOf(flags: OperatorFlags, terminal: Terminal): string | undefined {
  const file = flags.ca ?? settingOf(terminal, 'NEXUS_CA');
  return file === undefined ? undefined : readAuthorityFile(file, '--ca (or NEXUS_CA)');
}

/** Opens the client for `work`, and closes it afterwards in any case. */
export async function withClient<T>(
  flags: OperatorFlags,
  terminal: Terminal,
  work: (client: NexusClient) => Promise<T>,
): Promise<T> {
  const client = await openClient(flags, terminal);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
