import { isLoopback } from '../../domain/loopback.ts';
import type { MintedTokenBody } from '../../wire/operator.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { recallServerAddress, type ServerAddress } from '../operator/server-address.ts';
import { printLine, settingOf, type Terminal } from '../terminal/terminal.ts';

/** The default address of `nexus serve`, for a data directory in which no server has recorded its own. */
const LOCAL_SERVER: ServerAddress = { url: 'http://127.0.0.1:8470', authorityFile: null };
/** Where the command expects the CA on the host of the agent. */
const AUTHORITY_FILE_OF_HOST = '/etc/nexus/ca.pem';

/** The address that an agent should use, as far as this machine knows it. */
function serverAddressFor(flags: OperatorFlags, terminal: Terminal): ServerAddress {
  const { url, ca } = flags;
  if (url !== undefined) return { url, authorityFile: ca ?? settingOf(terminal, 'NEXUS_CA') ?? null };
  return recallServerAddress(dataDirectoryOf(flags.data, terminal)) ?? LOCAL_SERVER;
}

/** Prints the command that starts an agent. The token is in its environment: every user can read a process's arguments. */
export function printAgentStart(
  terminal: Terminal,
  flags: OperatorFlags,
  hostName: string,
  minted: MintedTokenBody,
): void {
  const { url, authorityFile } = serverAddressFor(flags, terminal);
  if (authorityFile !== null) {
    printLine(
      terminal,
      `\nCopy ${authorityFile} to ${hostName} as ${AUTHORITY_FILE_OF_HOST}: the agent trusts only that CA.`,
    );
  }
  printLine(terminal, `\nStart the agent on ${hostName} with this command. Its token is not shown again:\n`);
  const trust = authorityFile === null ? '' : `NEXUS_CA=${AUTHORITY_FILE_OF_HOST} `;
  printLine(terminal, `  NEXUS_URL=${url} ${trust}NEXUS_AGENT_TOKEN=${minted.token} nexus agent\n`);
  if (isLoopback(new URL(url).hostname)) {
    printLine(
      terminal,
      `${url} reaches the server from this machine only. For agents on other machines, see 'nexus serve --help'.`,
    );
  }
}
