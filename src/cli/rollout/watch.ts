import type { NexusClient } from '../../client/nexus-client.ts';
import type { NexusError } from '../../domain/errors.ts';
import { shortDigest } from '../../domain/words.ts';
import { explainRollout } from '../../explain/rollout.ts';
import { isSettled } from '../../explain/snapshot.ts';
import { delay } from '../../runtime/wait.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import { entryLine } from '../event/entry-line.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { asOutage, OutageNotice } from '../operator/outage.ts';
import { CommandEnd, EXIT_FAILED } from '../terminal/exit-code.ts';
import { onInterrupt } from '../terminal/on-interrupt.ts';
import { printable } from '../terminal/printable.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { RolloutLogFollower } from './follow-log.ts';
import { paintLine } from './line.ts';
import { logPages, RepetitionFilter } from './log.ts';
import { LiveScreen } from './screen.ts';
import { loadContext, type ReleaseContext, snapshotOf } from './snapshot.ts';
import { renderRollout } from './view.ts';

/** Elapsed times are drawn anew this often, whatever happens. */
const REDRAW_MS = 1_000;
/** The rollout is asked for no more often than this, however much happens; */
const MIN_REFRESH_MS = 250;
/** and as one of ten thousand hosts is a large answer, at most this share of the time is spent on it. */
const MAX_REFRESH_SHARE = 0.2;

interface Watch {
  readonly terminal: Terminal;
  readonly client: NexusClient;
  readonly id: string;
  readonly context: ReleaseContext;
}

/** Waits before the rollout is asked for again, the longer the longer the last answer took. */
async function pauseAfter({ runtime }: Terminal, startedAtMs: number): Promise<void> {
  const tookMs = runtime.monotonicMs() - startedAtMs;
  await delay(runtime, Math.max(MIN_REFRESH_MS, tookMs / MAX_REFRESH_SHARE - tookMs));
}

/** Redraws the rollout in place until it is settled. */
async function watchLive({ terminal, client, id, context }: Watch, first: RolloutBody): Promise<RolloutBody> {
  const screen = new LiveScreen(terminal);
  let rollout = first;
  let isStale = false;
  let outage: NexusError | undefined;
  const follower = new RolloutLogFollower(client, id, terminal.runtime, {
    onEntry: () => {},
    onOpen: () => {
      outage = undefined;
    },
    onOutage: (failure) => {
      outage = failure;
    },
  });
  try {
    for (;;) {
      const size = screen.size();
      const note =
        outage === undefined
          ? []
          : [paintLine(terminal, [[`Waiting for the server: ${outage.message}`, 'yellow']], size.columns)];
      const snapshot = snapshotOf(context, rollout, terminal.runtime.nowMs());
      screen.draw([...renderRollout(terminal, snapshot, { ...size, rows: size.rows - note.length }), ...note]);
      if (isSettled(snapshot)) return rollout;
      isStale = (await follower.news(REDRAW_MS)) || isStale;
      if (!isStale) continue;
      const startedAtMs = terminal.runtime.monotonicMs();
      try {
        rollout = await client.getRollout(id);
        isStale = false;
        outage = undefined;
      } catch (error) {
        outage = asOutage(error);
      }
      if (!isSettled({ ...context, rollout })) await pauseAfter(terminal, startedAtMs);
    }
  } finally {
    await follower.stop();
  }
}

/**
 * Hands on every change in the log until the rollout is settled. Nothing in a rollout changes without an entry in its
 * log, so the rollout itself, which may be large, is asked for only after new entries.
 */
async function watchLog(
  { terminal, client, id, context }: Watch,
  first: RolloutBody,
  print: (entry: LogEventBody) => void,
): Promise<RolloutBody> {
  const repetitions = new RepetitionFilter();
  const outage = new OutageNotice(terminal);
  const onEntry = (entry: LogEventBody): void => {
    if (repetitions.isNews(entry)) print(entry);
  };
  const follower = new RolloutLogFollower(client, id, terminal.runtime, {
    onEntry,
    onOpen: () => outage.answered(),
    onOutage: (failure) => outage.failed(failure),
  });
  let rollout = first;
  let isStale = false;
  try {
    while (!isSettled({ ...context, rollout })) {
      isStale = (await follower.news(REDRAW_MS)) || isStale;
      if (!isStale) continue;
      const startedAtMs = terminal.runtime.monotonicMs();
      try {
        rollout = await client.getRollout(id);
        isStale = false;
        outage.answered();
      } catch (error) {
        outage.failed(asOutage(error));
      }
      if (!isSettled({ ...context, rollout })) await pauseAfter(terminal, startedAtMs);
    }
  } finally {
    await follower.stop();
  }
  // What was logged before the rollout was read, and had not come through the stream by then.
  for await (const entries of logPages(client, id, { after: follower.position })) entries.forEach(onEntry);
  return rollout;
}

function closingNotes({ context, terminal }: Watch, rollout: RolloutBody): string[] {
  const { text } = explainRollout(snapshotOf(context, rollout, terminal.runtime.nowMs()));
  if (rollout.state === 'converged') return [text];
  return [
    text,
    `To see why each host is where it is: nexus rollout explain ${rollout.id}`,
    ...(rollout.state === 'halted'
      ? [`To see the evidence against the release: nexus release show ${shortDigest(rollout.release)}`]
      : []),
  ];
}

/**
 * Watches until the rollout has ended, nothing is in flight and every failed host is rolled back: a live view on a
 * terminal, lines in a pipe, only the final rollout with `--json`. Ends with 0 for a rollout that converged and with 1
 * for every other. Ctrl-C ends the watching with 130, and not the rollout.
 */
export async function watchRollout(
  terminal: Terminal,
  client: NexusClient,
  id: string,
  flags: OperatorFlags,
): Promise<void> {
  using _interrupt = onInterrupt(terminal, [
    `The rollout goes on. To follow it again: nexus rollout watch ${id}`,
    `To stop it: nexus rollout pause ${id}, or nexus rollout abort ${id}`,
  ]);
  const first = await client.getRollout(id);
  const context = await loadContext(client, first);
  const watch: Watch = { terminal, client, id, context };
  const print = (entry: LogEventBody): void => {
    if (!flags.json) printLine(terminal, entryLine(terminal, entry, entry.at, context.releaseNames));
  };
  const isLive = terminal.stdout.isTTY === true && !flags.json;
  const last = isLive ? await watchLive(watch, first) : await watchLog(watch, first, print);
  if (flags.json) printJson(terminal, last);
  else for (const note of closingNotes(watch, last)) printNote(terminal, printable(note));
  if (last.state !== 'converged') throw new CommandEnd(EXIT_FAILED);
}
