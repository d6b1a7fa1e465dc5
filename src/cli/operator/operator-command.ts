import { Argument, type Command, Option } from 'commander';
import type { ConnectionOptions } from '../../client/api-connection.ts';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { settingOf, type Terminal } from '../terminal/terminal.ts';
import { completedBy } from './completion-source.ts';
import { dataDirectoryOf, operatorSocketOf } from './data-directory.ts';

/** The flags that every operator command takes. */
export interface OperatorFlags {
  readonly data?: string;
  readonly url?: string;
  readonly json?: boolean;
}

export function addOperatorFlags(command: Command): Command {
  return command
    .addOption(
      completedBy('directory', new Option('--data <dir>', 'data directory of the server on this machine (NEXUS_DATA)')),
    )
    .addOption(new Option('--url <url>', 'a server over the network; needs NEXUS_ADMIN_TOKEN').conflicts('data'))
    .option('--json', 'print one JSON document, of the shape of the API');
}

export function hostArgument(description = 'name of the host'): Argument {
  return completedBy('host', new Argument('<name>', description));
}

export function hostOption(description: string): Option {
  return completedBy('host', new Option('--host <name>', description));
}

/**
 * The server that the flags name: `--url` with the token of the environment, or the socket in the data directory.
 * Loads the client only now, because most of what the command line does (help, version, usage errors) needs no network.
 */
export async function openClient(
  flags: OperatorFlags,
  terminal: Terminal,
  options: ConnectionOptions = {},
): Promise<NexusClient> {
  const { NexusClient } = await import('../../client/nexus-client.ts');
  if (flags.url === undefined) {
    return new NexusClient({ socketPath: operatorSocketOf(dataDirectoryOf(flags.data, terminal)) }, options);
  }
  const token = settingOf(terminal, 'NEXUS_ADMIN_TOKEN');
  if (token === undefined) {
    throw new NexusError(
      'usage',
      "--url needs an admin token in NEXUS_ADMIN_TOKEN. Mint one on the server with 'nexus token create --admin', then export it.",
    );
  }
  return new NexusClient({ url: flags.url, token }, options);
}

/** Opens the client for `work` and closes it after, however that ends. */
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
