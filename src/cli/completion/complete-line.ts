import type { Argument, Command, Option } from 'commander';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { completionSourceOf } from '../operator/completion-source.ts';
import { type OperatorFlags, openClient } from '../operator/operator-command.ts';
import { commandLineWords } from '../terminal/command-line-words.ts';
import { printable } from '../terminal/printable.ts';
import { printLine, type Terminal } from '../terminal/terminal.ts';
import { type Candidate, hostNames, releaseNames, rolloutIds, stackNames } from './candidates.ts';

type Offer =
  | { readonly kind: 'words'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'files' | 'directories' };

const NOTHING: Offer = { kind: 'words', candidates: [] };

/** A person is waiting at the prompt: a later answer would only disturb. */
const SERVER_TIMEOUT_MS = 1_000;

/** Where the words before the cursor lead. */
interface Position {
  command: Command;
  positionals: number;
  /** The option whose value is under the cursor. */
  pending: Option | undefined;
  /** The option that takes every word up to the next option: `--host web-1 web-2`. */
  greedy: Option | undefined;
  optionsEnded: boolean;
  readonly used: Set<Option>;
  /** The values of options by their long name: some of them name the server. */
  readonly values: Map<string, string>;
}

function optionNamed(command: Command, name: string): Option | undefined {
  return command.options.find((option) => option.long === name || option.short === name);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function enterWord(position: Position, word: string): void {
  if (position.pending !== undefined) {
    position.values.set(position.pending.attributeName(), word);
    position.greedy = position.pending.variadic ? position.pending : undefined;
    position.pending = undefined;
  } else if (position.greedy !== undefined && !word.startsWith('-')) {
    // One more value of that option.
  } else if (position.optionsEnded || !word.startsWith('-') || word === '-') {
    const child = position.positionals === 0 && subcommandNamed(position.command, word);
    if (child) position.command = child;
    else position.positionals += 1;
  } else if (word === '--') {
    position.greedy = undefined;
    position.optionsEnded = true;
  } else {
    position.greedy = undefined;
    const equals = word.indexOf('=');
    const option = optionNamed(position.command, equals < 0 ? word : word.slice(0, equals));
    if (option === undefined) return;
    position.used.add(option);
    if (!takesValue(option)) return;
    if (equals < 0) position.pending = option;
    else position.values.set(option.attributeName(), word.slice(equals + 1));
  }
}

function subcommandNamed(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word || child.aliases().includes(word));
}

/** What the server that the line names knows; nothing where it does not answer. */
async function askServer(
  position: Position,
  terminal: Terminal,
  ask: (client: NexusClient) => Promise<Candidate[]>,
): Promise<Offer> {
  const data = position.values.get('data');
  const url = position.values.get('url');
  const ca = position.values.get('ca');
  const flags: OperatorFlags = {
    ...(data === undefined ? {} : { data }),
    ...(url === undefined ? {} : { url }),
    ...(ca === undefined ? {} : { ca }),
  };
  try {
    const client = await openClient(flags, terminal, SERVER_TIMEOUT_MS);
    try {
      return { kind: 'words', candidates: await ask(client) };
    } finally {
      await client.close();
    }
  } catch (error) {
    // A prompt is no place for messages: the command itself reports them when it is run.
    if (error instanceof NexusError) return NOTHING;
    throw error;
  }
}

async function valuesOf(target: Argument | Option, position: Position, terminal: Terminal): Promise<Offer> {
  if (target.argChoices !== undefined) {
    return { kind: 'words', candidates: target.argChoices.map((word) => ({ word, description: '' })) };
  }
  const source = completionSourceOf(target);
  switch (source) {
    case 'host':
      return askServer(position, terminal, hostNames);
    case 'release':
    case 'quarantined-release':
      return askServer(position, terminal, (client) => releaseNames(client, source === 'quarantined-release'));
    case 'rollout':
      return askServer(position, terminal, rolloutIds);
    case 'stack':
      return askServer(position, terminal, stackNames);
    case 'directory':
      return { kind: 'directories' };
    case 'file':
      return { kind: 'files' };
    default:
      return NOTHING;
  }
}

function optionCandidates(position: Position): Candidate[] {
  const { command, used } = position;
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => option.variadic || option.parseArg !== undefined || !used.has(option))
    .map((option) => ({ word: option.long ?? option.short ?? '', description: option.description }));
}

async function offerFor(position: Position, current: string, terminal: Terminal): Promise<Offer> {
  if (position.pending !== undefined) return valuesOf(position.pending, position, terminal);
  if (current.startsWith('-') && !position.optionsEnded) {
    const equals = current.indexOf('=');
    if (equals < 0) return { kind: 'words', candidates: optionCandidates(position) };
    const option = optionNamed(position.command, current.slice(0, equals));
    if (option === undefined || !takesValue(option)) return NOTHING;
    const offer = await valuesOf(option, position, terminal);
    if (offer.kind !== 'words') return offer;
    const prefix = current.slice(0, equals + 1);
    return { kind: 'words', candidates: offer.candidates.map((one) => ({ ...one, word: `${prefix}${one.word}` })) };
  }
  if (position.greedy !== undefined) return valuesOf(position.greedy, position, terminal);
  const { command, positionals } = position;
  const children = command.createHelp().visibleCommands(command);
  if (children.length > 0 && positionals === 0) {
    return { kind: 'words', candidates: children.map((one) => ({ word: one.name(), description: one.description() })) };
  }
  const last = command.registeredArguments.at(-1);
  const argument = command.registeredArguments[positionals] ?? (last?.variadic ? last : undefined);
  return argument === undefined ? NOTHING : valuesOf(argument, position, terminal);
}

/** Prints what a shell may insert at the end of `line`, as the completion scripts read it. */
export async function completeLine(program: Command, line: string, terminal: Terminal): Promise<void> {
  const words = commandLineWords(line);
  const current = words.at(-1) ?? '';
  const position: Position = {
    command: program,
    positionals: 0,
    pending: undefined,
    greedy: undefined,
    optionsEnded: false,
    used: new Set(),
    values: new Map(),
  };
  for (const word of words.slice(1, -1)) enterWord(position, word);
  const offer = await offerFor(position, current, terminal);
  printLine(terminal, offer.kind);
  if (offer.kind !== 'words') return;
  for (const { word, description } of offer.candidates) {
    if (word.startsWith(current)) printLine(terminal, `${printable(word)}\t${printable(description)}`);
  }
}
