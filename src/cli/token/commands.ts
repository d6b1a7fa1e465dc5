import type { Command } from 'commander';
import { NexusError } from '../../domain/errors.ts';
import { ADMIN_SCOPES, type AdminScope, TOKEN_LIFETIME_SECONDS } from '../../domain/token.ts';
import type { MintedTokenBody, TokenBody } from '../../wire/operator.ts';
import { hostOption, tokenArgument } from '../operator/arguments.ts';
import { addExamples } from '../operator/examples.ts';
import { addOperatorFlags, type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { option } from '../operator/option.ts';
import { readDuration } from '../terminal/duration.ts';
import { printable } from '../terminal/printable.ts';
import { renderTable } from '../terminal/table.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

/** Whose tokens: one host's, or the operators'. */
interface OwnerFlags extends OperatorFlags {
  readonly host?: string;
  readonly admin?: true;
}

/** The host's name, or null for admin tokens. */
function ownerOf(flags: OwnerFlags): string | null {
  if (flags.host !== undefined) return flags.host;
  if (flags.admin) return null;
  throw new NexusError(
    'usage',
    'neither --host nor --admin is given: write --host NAME for the tokens of an agent, or --admin for those of operators.',
  );
}

function addOwnerFlags(command: Command): Command {
  return command
    .addOption(hostOption('for the agent of this host').conflicts('admin'))
    .option('--admin', 'for an operator over the network');
}

/** The plaintext is alone on stdout, so that `TOKEN=$(nexus token create …)` contains nothing else. */
function printMinted(terminal: Terminal, flags: OperatorFlags, minted: MintedTokenBody, note: string): void {
  if (flags.json) return printJson(terminal, minted);
  printNote(terminal, note);
  printLine(terminal, minted.token);
}

interface CreateFlags extends OwnerFlags {
  readonly scope?: AdminScope;
  readonly name?: string;
  readonly expires?: string;
}

async function createToken(terminal: Terminal, flags: CreateFlags): Promise<void> {
  const host = ownerOf(flags);
  const { scope } = flags;
  if (host !== null && scope !== undefined) {
    throw new NexusError(
      'usage',
      '--scope is for admin tokens: the token of an agent always reports for its own host.',
    );
  }
  const body = {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.expires === undefined
      ? {}
      : { expires_in_seconds: readDuration('--expires', flags.expires, TOKEN_LIFETIME_SECONDS) }),
  };
  const minted = await withClient(flags, terminal, (client) =>
    host === null
      ? client.createAdminToken({ ...body, ...(scope === undefined ? {} : { scope }) })
      : client.createAgentToken(host, body),
  );
  const use =
    host === null
      ? 'Set NEXUS_ADMIN_TOKEN to it and use --url'
      : `Set NEXUS_AGENT_TOKEN to it for the agent on ${host}`;
  printMinted(terminal, flags, minted, `Created token ${minted.id}. ${use}. It is shown only now:`);
}

function stateCell(terminal: Terminal, token: TokenBody): string {
  if (token.revoked_at !== null) return paintTone(terminal, 'muted', 'revoked');
  const isExpired = token.expires_at !== null && Date.parse(token.expires_at) <= terminal.runtime.nowMs();
  return isExpired ? paintTone(terminal, 'warning', 'expired') : paintTone(terminal, 'good', 'valid');
}

async function listTokens(terminal: Terminal, flags: OwnerFlags): Promise<void> {
  const host = ownerOf(flags);
  const list = await withClient(flags, terminal, (client) =>
    host === null ? client.listAdminTokens() : client.listAgentTokens(host),
  );
  if (flags.json) return printJson(terminal, list);
  if (list.tokens.length === 0) {
    const owner = host === null ? '--admin' : `--host ${host}`;
    printNote(terminal, `There are no tokens yet. To create one: nexus token create ${owner}`);
    return;
  }
  const table = await renderTable<TokenBody>(
    terminal,
    [
      { title: 'TOKEN', cell: (row) => printable(row.id) },
      { title: 'NAME', cell: (row) => printable(row.name), shrinks: true },
      ...(host === null ? [{ title: 'SCOPE', cell: (row: TokenBody) => row.scope ?? '–' }] : []),
      { title: 'STATE', cell: (row) => stateCell(terminal, row) },
      { title: 'CREATED', cell: (row) => timeCell(terminal, row.created_at), dropOrder: 1 },
      { title: 'LAST USED', cell: (row) => timeCell(terminal, row.last_used_at, 'never') },
      { title: 'EXPIRES', cell: (row) => timeCell(terminal, row.expires_at, 'never'), dropOrder: 2 },
    ],
    list.tokens,
  );
  printLine(terminal, table);
}

async function rotateToken(terminal: Terminal, id: string, flags: OperatorFlags): Promise<void> {
  const minted = await withClient(flags, terminal, (client) => client.rotateToken(id));
  printMinted(
    terminal,
    flags,
    minted,
    `Replaced token ${printable(id)} by ${minted.id}. The old one is refused from now on. The new one is shown only now:`,
  );
}

async function revokeToken(terminal: Terminal, id: string, flags: OperatorFlags): Promise<void> {
  const token = await withClient(flags, terminal, (client) => client.revokeToken(id));
  if (flags.json) return printJson(terminal, token);
  printLine(terminal, `Revoked token ${token.id} (${printable(token.name)}). It is refused from now on.`);
}

export function addTokenCommands(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('create, list, rotate and revoke tokens of agents and operators');
  addExamples(token, [
    ['nexus token create --host web-1', 'Create a token for the agent of a host'],
    ['nexus token create --admin --name laptop --expires 90d', 'Create a token to use nexus over the network'],
  ]);

  const create = token.command('create').description('create a token; its plaintext is shown only once');
  addOwnerFlags(create)
    .addOption(option('--name <label>', 'what it is for', { default: 'agent or admin' }))
    .addOption(
      option('--scope <scope>', 'what an admin token may do, each with all before it', { default: 'admin' }).choices(
        ADMIN_SCOPES,
      ),
    )
    .addOption(
      option('--expires <duration>', 'how long it is valid, for example 1h, 90d or 1y', { default: 'without end' }),
    );
  addOperatorFlags(create).action((flags) => createToken(terminal, flags));
  addExamples(create, [
    ['NEXUS_AGENT_TOKEN=$(nexus token create --host web-1)', 'Capture the token: nothing else goes to stdout'],
    ['nexus token create --admin --name laptop --expires 90d', 'Create a token for an operator, valid for 90 days'],
    ['nexus token create --admin --name ci --scope deploy', 'Let a pipeline deploy, and not create tokens'],
    [
      'nexus token create --admin --name prometheus --scope metrics',
      'Let Prometheus scrape /metrics, and nothing else',
    ],
  ]);

  const list = token.command('list').alias('ls').description('list tokens, without their plaintext');
  addOperatorFlags(addOwnerFlags(list)).action((flags) => listTokens(terminal, flags));
  addExamples(list, [
    ['nexus token list --host web-1', 'List the tokens of a host, and when they were last used'],
    ['nexus token list --admin', 'List who may use the API over the network'],
  ]);

  const rotate = token.command('rotate').description('replace a token; the old one is refused at once');
  addOperatorFlags(rotate.addArgument(tokenArgument())).action((id, flags) => rotateToken(terminal, id, flags));
  addExamples(rotate, [['nexus token rotate tok_4fT9', 'Get a new plaintext for the same agent']]);

  const revoke = token.command('revoke').description('revoke a token; it is refused at once');
  addOperatorFlags(revoke.addArgument(tokenArgument())).action((id, flags) => revokeToken(terminal, id, flags));
  addExamples(revoke, [['nexus token revoke tok_4fT9', 'Refuse a lost token from its next request on']]);
}
