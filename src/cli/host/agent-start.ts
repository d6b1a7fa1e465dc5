import type { MintedTokenBody } from '../../wire/operator.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { recallServerAddress } from '../operator/server-address.ts';
import { printLine, type Terminal } from '../terminal/terminal.ts';

/** The default address of `nexus serve`, for a data directory in which no server has recorded its own. */
const LOCAL_SERVER_URL = 'http://127.0.0.1:8470';

/** The address that an agent should use, as far as this machine knows it. */
function serverUrlFor(flags: OperatorFlags, terminal: Terminal): string {
  return flags.url ?? recallServerAddress(dataDirectoryOf(flags.data, terminal)) ?? LOCAL_SERVER_URL;
}

/** Prints the command that starts an agent. The token is in its environment: every user can read a process's arguments. */
export function printAgentStart(
  terminal: Terminal,
  flags: OperatorFlags,
  hostName: string,
  minted: MintedTokenBody,
): void {
  const serverUrl = serverUrlFor(flags, terminal);
  printLine(terminal, `\nStart the agent on ${hostName} with this command. Its token is not shown again:\n`);
  printLine(terminal, `  NEXUS_URL=${serverUrl} NEXUS_AGENT_TOKEN=${minted.token} nexus agent\n`);
  if (/\/\/(127\.|localhost|\[::1\])/.test(serverUrl)) {
    printLine(
      terminal,
      `${serverUrl} reaches the server from this machine only. For agents on other machines, see 'nexus serve --help'.`,
    );
  }
}
