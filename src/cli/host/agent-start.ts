import type { MintedTokenBody } from '../../wire/operator.ts';
import { dataDirectoryOf } from '../operator/data-directory.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { recallServerAddress } from '../operator/server-address.ts';
import { printLine, type Terminal } from '../terminal/terminal.ts';

/** The default port of `nexus serve`; only used where no running server left its address. */
const LOCAL_SERVER_URL = 'http://127.0.0.1:8470';

/** The address that an agent should use, as far as it can be known here. */
export function serverUrlFor(flags: OperatorFlags, terminal: Terminal): string {
  return flags.url ?? recallServerAddress(dataDirectoryOf(flags.data, terminal)) ?? LOCAL_SERVER_URL;
}

/** How to start the agent: through the environment, because a process's arguments are readable by every user of its machine. */
export function printAgentStart(
  terminal: Terminal,
  serverUrl: string,
  hostName: string,
  minted: MintedTokenBody,
): void {
  printLine(terminal, `\nStart the agent on ${hostName}. The token is in this command and is not shown again:\n`);
  printLine(terminal, `  NEXUS_URL=${serverUrl} NEXUS_AGENT_TOKEN=${minted.token} nexus agent\n`);
  if (/\/\/(127\.|localhost|\[::1\])/.test(serverUrl)) {
    printLine(terminal, `From another machine ${serverUrl} does not reach this server; see 'nexus serve --help'.`);
  }
}
