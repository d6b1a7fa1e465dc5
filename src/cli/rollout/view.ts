/** A rollout as `rollout watch` draws it: a snapshot as lines that fit the terminal. */

import { formatSpan, plural, waveName } from '../../domain/words.ts';
import { isTroubled, noteOf } from '../../explain/host-summary.ts';
import {
  countHosts,
  countsOf,
  formatCounts,
  hasEnded,
  ROLLOUT_TONES,
  type RolloutSnapshot,
  releaseOf,
  secondsSince,
  stageOf,
} from '../../explain/snapshot.ts';
import type { RolloutHostBody } from '../../wire/rollout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { TONE_STYLES } from '../terminal/tone-style.ts';
import { progressBar } from './bar.ts';
import { type Line, paintLine } from './line.ts';
import { STAGE_SIGNS, stageStyle } from './styles.ts';

export interface ViewSize {
  readonly columns: number;
  /** The view never has more lines. */
  readonly rows: number;
}

/** Up to this many hosts, each has a line; beyond, those with nothing to report are only counted. */
const MAX_LISTED_HOSTS = 20;
/** Beyond this many waves, neighbouring waves in which nothing happens share a line. */
const MAX_LISTED_WAVES = 8;
const MAX_NAME_WIDTH = 32;
const MIN_HOST_LINES = 3;

/** Which hosts keep their line when there is little room: the lower, the sooner. Trouble comes first. */
function priorityOf(host: RolloutHostBody): number {
  const stage = stageOf(host);
  if (isTroubled(host)) return stage === 'reverted' ? 1 : 0;
  switch (stage) {
    case 'deferred':
      return 2;
    case 'soaking':
      return 3;
    case 'activating':
      return 4;
    case 'offered':
      return 5;
    default:
      return stage === 'pending' ? 6 : 7;
  }
}

function isNotable(host: RolloutHostBody): boolean {
  return priorityOf(host) < 6;
}

function headLines({ rollout, nowMs }: RolloutSnapshot): Line[] {
  const style = TONE_STYLES[ROLLOUT_TONES[rollout.state]];
  const since = ` for ${formatSpan(secondsSince(rollout.state_since, nowMs))}`;
  const counts = countsOf(rollout);
  return [
    [[releaseOf(rollout), 'bold'], ['  '], [rollout.state, style], [since], [`  ${rollout.id}`, 'gray']],
    ...(rollout.reason === '' ? [] : [[[rollout.reason, style]] satisfies Line]),
    [...progressBar(counts), [`  ${formatCounts(counts)} of ${plural(counts.hosts, 'host')}`]],
  ];
}

/** Neighbouring waves that share a line, from `first` to `last`. */
interface WaveBlock {
  readonly first: number;
  readonly last: number;
  readonly hosts: readonly RolloutHostBody[];
}

function blocksOf({ rollout }: RolloutSnapshot): WaveBlock[] {
  const waves = rollout.waves.map((): RolloutHostBody[] => []);
  for (const host of rollout.hosts) waves[host.wave]?.push(host);
  const blocks: WaveBlock[] = [];
  for (const [index, hosts] of waves.entries()) {
    const before = blocks.at(-1);
    const calm = index !== rollout.current_wave && !hosts.some(isNotable);
    const beforeIsCalm = before !== undefined && before.last !== rollout.current_wave && !before.hosts.some(isNotable);
    if (waves.length > MAX_LISTED_WAVES && calm && beforeIsCalm) {
      blocks[blocks.length - 1] = { first: before.first, last: index, hosts: [...before.hosts, ...hosts] };
    } else {
      blocks.push({ first: index, last: index, hosts });
    }
  }
  return blocks;
}

function waveLine({ rollout }: RolloutSnapshot, { first, last, hosts }: WaveBlock): Line {
  const count = rollout.waves.length;
  const name = first === last ? waveName(first, count) : `waves ${first + 1}–${last + 1} of ${count}`;
  const open = !hasEnded(rollout) && first <= rollout.current_wave && rollout.current_wave <= last;
  return [
    [name, open ? 'bold' : 'gray'],
    [`  ${formatCounts(countHosts(hosts))}`, open ? 'bold' : 'gray'],
  ];
}

function hostLine(snapshot: RolloutSnapshot, host: RolloutHostBody, nameWidth: number): Line {
  const stage = stageOf(host);
  const style = stageStyle(stage);
  const isOver = stage === 'converged' || stage === 'left';
  const since = isOver ? '' : formatSpan(secondsSince(host.state_since, snapshot.nowMs));
  const note = noteOf(snapshot, host);
  const name = host.name.length > nameWidth ? `${host.name.slice(0, nameWidth - 1)}…` : host.name;
  return [
    [`  ${STAGE_SIGNS[stage]} `, style],
    [`${name.padEnd(nameWidth)}  `],
    [stage.padEnd(10), style],
    [`  ${since.padEnd(11)}  `, 'gray'],
    [note.text, TONE_STYLES[note.tone]],
  ];
}

/** Why the pending hosts of a wave that has begun are waiting, one line per gate. */
function waitingLines(snapshot: RolloutSnapshot, hosts: readonly RolloutHostBody[]): Line[] {
  if (hasEnded(snapshot.rollout)) return [];
  const gates = new Map<string, { count: number; reason: string }>();
  for (const host of hosts) {
    if (stageOf(host) !== 'pending' || host.held_by === null || host.wave > snapshot.rollout.current_wave) continue;
    const { gate, reason } = host.held_by;
    const seen = gates.get(gate);
    if (seen === undefined) gates.set(gate, { count: 1, reason });
    else seen.count += 1;
  }
  return [...gates.values()].map(({ count, reason }) => [[`  · ${count} waiting: ${reason}`, 'gray']]);
}

interface Listing {
  readonly listed: ReadonlySet<RolloutHostBody>;
  readonly everyone: boolean;
}

function chooseHosts({ rollout }: RolloutSnapshot, room: number): Listing {
  if (rollout.hosts.length <= Math.min(MAX_LISTED_HOSTS, room)) {
    return { listed: new Set(rollout.hosts), everyone: true };
  }
  const telling = rollout.hosts.filter(isNotable).toSorted((a, b) => priorityOf(a) - priorityOf(b));
  return { listed: new Set(telling.slice(0, room)), everyone: false };
}

function blockLines(
  snapshot: RolloutSnapshot,
  block: WaveBlock,
  { listed, everyone }: Listing,
  nameWidth: number,
): Line[] {
  const shown = block.hosts.filter((host) => listed.has(host)).toSorted((a, b) => priorityOf(a) - priorityOf(b));
  const more = everyone ? 0 : block.hosts.filter((host) => isNotable(host) && !listed.has(host)).length;
  return [
    waveLine(snapshot, block),
    ...(everyone ? block.hosts : shown).map((host) => hostLine(snapshot, host, nameWidth)),
    ...(more === 0 ? [] : [[[`    and ${more} more in flight`, 'gray']] satisfies Line]),
    ...(everyone ? [] : waitingLines(snapshot, block.hosts)),
  ];
}

/** At most `size.rows` lines of at most `size.columns` characters, in colour where the terminal has any. */
export function renderRollout(terminal: Terminal, snapshot: RolloutSnapshot, size: ViewSize): string[] {
  const head = headLines(snapshot);
  const blocks = blocksOf(snapshot);
  // A wave takes its own line, one for the hosts it leaves out, and about one for why others are waiting.
  const room = Math.max(MIN_HOST_LINES, size.rows - head.length - 1 - blocks.length * 3);
  const roomForAll = size.rows - head.length - 1 - blocks.length;
  const listing = chooseHosts(snapshot, snapshot.rollout.hosts.length <= roomForAll ? roomForAll : room);
  const nameWidth = Math.min(MAX_NAME_WIDTH, Math.max(0, ...[...listing.listed].map((host) => host.name.length)));
  const body = blocks.flatMap((block) => blockLines(snapshot, block, listing, nameWidth));
  const lines = [...head, [], ...body];
  const fitting =
    lines.length <= size.rows ? lines : [...lines.slice(0, size.rows - 1), [['…', 'gray']] satisfies Line];
  return fitting.map((line) => paintLine(terminal, line, size.columns));
}
