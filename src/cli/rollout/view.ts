/** A rollout as `rollout watch` draws it: from one moment to lines that fit, and nothing else. */

import { formatSpan, plural, shortDigest } from '../../domain/words.ts';
import { isTroubled, noteOf } from '../../explain/host-summary.ts';
import {
  countParts,
  countsOf,
  formatCounts,
  hasEnded,
  PART_STYLES,
  partOf,
  ROLLOUT_STYLES,
  type RolloutMoment,
  releaseName,
  secondsSince,
} from '../../explain/snapshot.ts';
import type { RolloutHostBody } from '../../wire/rollout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { progressBar } from './bar.ts';
import { type Line, paintLine, type Span } from './line.ts';

export interface ViewSize {
  readonly columns: number;
  /** The view never has more lines. */
  readonly rows: number;
}

/** Up to so many hosts every one has its line; beyond, those that have nothing to tell are only counted. */
const MAX_LISTED_HOSTS = 20;
/** Beyond this many waves, those where nothing happens share lines. */
const MAX_LISTED_WAVES = 8;
const MAX_NAME_WIDTH = 32;
const MIN_HOST_LINES = 3;

/** What to drop last when there is no room: the nearer to trouble, the lower. */
function priorityOf(host: RolloutHostBody): number {
  const part = partOf(host);
  if (isTroubled(host)) return part === 'reverted' ? 1 : 0;
  switch (part) {
    case 'deferred':
      return 2;
    case 'soaking':
      return 3;
    case 'activating':
      return 4;
    case 'offered':
      return 5;
    default:
      return part === 'pending' ? 6 : 7;
  }
}

function tellsSomething(host: RolloutHostBody): boolean {
  return priorityOf(host) < 6;
}

function headLines({ rollout, nowMs }: RolloutMoment): Line[] {
  const state: Span = [rollout.state, ROLLOUT_STYLES[rollout.state]];
  const since = ` for ${formatSpan(secondsSince(rollout.state_since, nowMs))}`;
  const counts = countsOf(rollout);
  return [
    [
      [releaseName(rollout), 'bold'],
      [`  ${shortDigest(rollout.release)}  `, 'gray'],
      state,
      [since],
      [`  ${rollout.id}`, 'gray'],
    ],
    ...(rollout.reason === '' ? [] : [[[rollout.reason, ROLLOUT_STYLES[rollout.state]]] satisfies Line]),
    [...progressBar(counts), [`  ${formatCounts(counts)} of ${plural(counts.hosts, 'host')}`]],
  ];
}

/** Waves that are told of together, from `first` to `last`. */
interface WaveBlock {
  readonly first: number;
  readonly last: number;
  readonly hosts: readonly RolloutHostBody[];
}

function blocksOf({ rollout }: RolloutMoment): WaveBlock[] {
  const waves = rollout.waves.map((): RolloutHostBody[] => []);
  for (const host of rollout.hosts) waves[host.wave]?.push(host);
  const blocks: WaveBlock[] = [];
  for (const [index, hosts] of waves.entries()) {
    const before = blocks.at(-1);
    const calm = index !== rollout.current_wave && !hosts.some(tellsSomething);
    const beforeIsCalm =
      before !== undefined && before.last !== rollout.current_wave && !before.hosts.some(tellsSomething);
    if (waves.length > MAX_LISTED_WAVES && calm && beforeIsCalm) {
      blocks[blocks.length - 1] = { first: before.first, last: index, hosts: [...before.hosts, ...hosts] };
    } else {
      blocks.push({ first: index, last: index, hosts });
    }
  }
  return blocks;
}

function waveLine(moment: RolloutMoment, { first, last, hosts }: WaveBlock): Line {
  const { rollout } = moment;
  const name = first === last ? `wave ${first + 1}` : `waves ${first + 1}–${last + 1}`;
  const open = !hasEnded(rollout) && first <= rollout.current_wave && rollout.current_wave <= last;
  return [
    [`${name} of ${rollout.waves.length}`, open ? 'bold' : 'gray'],
    [`  ${formatCounts(countParts(hosts))}`, open ? 'bold' : 'gray'],
  ];
}

function hostLine(moment: RolloutMoment, host: RolloutHostBody, nameWidth: number): Line {
  const part = partOf(host);
  const { sign, style } = PART_STYLES[part];
  const settled = part === 'converged' || part === 'left';
  const since = settled ? '' : formatSpan(secondsSince(host.state_since, moment.nowMs));
  const name = host.name.length > nameWidth ? `${host.name.slice(0, nameWidth - 1)}…` : host.name;
  return [
    [`  ${sign} `, style],
    [`${name.padEnd(nameWidth)}  `],
    [part.padEnd(10), style],
    [`  ${since.padEnd(11)}  `, 'gray'],
    [noteOf(moment, host), isTroubled(host) ? 'red' : 'gray'],
  ];
}

/** Why the pending hosts of a wave that has begun wait, those that wait alike in one line. */
function waitingLines(moment: RolloutMoment, hosts: readonly RolloutHostBody[]): Line[] {
  if (hasEnded(moment.rollout)) return [];
  const gates = new Map<string, { count: number; reason: string }>();
  for (const host of hosts) {
    if (partOf(host) !== 'pending' || host.held_by === null || host.wave > moment.rollout.current_wave) continue;
    const { gate, reason } = host.held_by;
    const seen = gates.get(gate);
    if (seen === undefined) gates.set(gate, { count: 1, reason });
    else seen.count += 1;
  }
  return [...gates.values()].map(({ count, reason }) => [
    [`  · ${count} ${count === 1 ? 'waits' : 'wait'}: ${reason}`, 'gray'],
  ]);
}

interface Listing {
  readonly listed: ReadonlySet<RolloutHostBody>;
  readonly everyone: boolean;
}

function chooseHosts({ rollout }: RolloutMoment, room: number): Listing {
  if (rollout.hosts.length <= Math.min(MAX_LISTED_HOSTS, room)) {
    return { listed: new Set(rollout.hosts), everyone: true };
  }
  const telling = rollout.hosts.filter(tellsSomething).toSorted((a, b) => priorityOf(a) - priorityOf(b));
  return { listed: new Set(telling.slice(0, room)), everyone: false };
}

function blockLines(moment: RolloutMoment, block: WaveBlock, { listed, everyone }: Listing, nameWidth: number): Line[] {
  const shown = block.hosts.filter((host) => listed.has(host)).toSorted((a, b) => priorityOf(a) - priorityOf(b));
  const more = everyone ? 0 : block.hosts.filter((host) => tellsSomething(host) && !listed.has(host)).length;
  return [
    waveLine(moment, block),
    ...(everyone ? block.hosts : shown).map((host) => hostLine(moment, host, nameWidth)),
    ...(more === 0 ? [] : [[[`    and ${more} more on their way`, 'gray']] satisfies Line]),
    ...(everyone ? [] : waitingLines(moment, block.hosts)),
  ];
}

/** At most `size.rows` lines of at most `size.columns` characters, in colour where the terminal has any. */
export function renderRollout(terminal: Terminal, moment: RolloutMoment, size: ViewSize): string[] {
  const head = headLines(moment);
  const blocks = blocksOf(moment);
  // A wave takes its own line, one for what it leaves out, and about one for why others of it wait.
  const room = Math.max(MIN_HOST_LINES, size.rows - head.length - 1 - blocks.length * 3);
  const roomForAll = size.rows - head.length - 1 - blocks.length;
  const listing = chooseHosts(moment, moment.rollout.hosts.length <= roomForAll ? roomForAll : room);
  const nameWidth = Math.min(MAX_NAME_WIDTH, Math.max(0, ...[...listing.listed].map((host) => host.name.length)));
  const body = blocks.flatMap((block) => blockLines(moment, block, listing, nameWidth));
  const lines = [...head, [], ...body];
  const fitting =
    lines.length <= size.rows ? lines : [...lines.slice(0, size.rows - 1), [['…', 'gray']] satisfies Line];
  return fitting.map((line) => paintLine(terminal, line, size.columns));
}
