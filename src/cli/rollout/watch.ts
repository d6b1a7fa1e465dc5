import { setTimeout as sleep } from 'node:timers/promises';
import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { shortDigest } from '../../domain/words.ts';
import { explainRollout } from '../../explain/rollout.ts';
import { isSettled } from '../../explain/snapshot.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import type { OperatorFlags } from '../operator/operator-command.ts';
import { CommandEnd, EXIT_FAILED } from '../terminal/exit-code.ts';
import { printJson, printLine, printNote, type Terminal } from '../terminal/terminal.ts';
import { paintLine } from './line.ts';
import { logLine, logPages, News } from './log.ts';
import { LiveScreen } from './screen.ts';
import { loadFrame, momentOf, type RolloutFrame } from './snapshot.ts';
import { renderRollout } from './view.ts';

const POLL_INTERVAL_MS = 1_000;
/** A rollout of ten thousand hosts is a large answer: the server is not asked for more than this share of the time. */
const MAX_POLL_SHARE = 0.2;

interface Watch {
  readonly terminal: Terminal;
  readonly client: NexusClient;
  readonly id: string;
  readonly frame: RolloutFrame;
}

/** A server that restarts is no reason to stop watching; every other failure is. */
function passing(error: unknown): NexusError {
  if (error instanceof NexusError && (error.code === 'unreachable' || error.code === 'overloaded')) return error;
  throw error;
}

async function pauseAfter(startedAtMs: number): Promise<void> {
  const tookMs = performance.now() - startedAtMs;
  await sleep(Math.max(POLL_INTERVAL_MS, tookMs / MAX_POLL_SHARE - tookMs));
}

/** Draws the rollout over itself until it is settled. */
async function watchLive({ terminal, client, id, frame }: Watch, first: RolloutBody): Promise<RolloutBody> {
  const screen = new LiveScreen(terminal);
  let rollout = first;
  let failure: NexusError | undefined;
  for (;;) {
    const size = screen.size();
    const note =
      failure === undefined ? [] : [paintLine(terminal, [[`Waiting: ${failure.message}`, 'yellow']], size.columns)];
    const moment = momentOf(frame, rollout, terminal.clock.nowMs());
    screen.draw([...renderRollout(terminal, moment, { ...size, rows: size.rows - note.length }), ...note]);
    if (isSettled(moment)) return rollout;
    const startedAtMs = performance.now();
    try {
      rollout = await client.getRollout(id);
      failure = undefined;
    } catch (error) {
      failure = passing(error);
    }
    if (!isSettled({ ...frame, rollout })) await pauseAfter(startedAtMs);
  }
}

/** Prints what is new in the log up to its end; says whether anything was. */
async function printNews(
  watch: Watch,
  cursor: { after: number },
  print: (line: string) => void,
  news: News,
): Promise<boolean> {
  let any = false;
  for await (const events of logPages(watch.client, watch.id, cursor)) {
    any = true;
    for (const event of events) if (news.isNews(event)) print(logLine(watch.terminal, event, event.at));
  }
  return any;
}

/**
 * A line per change until the rollout is settled. Nothing of a rollout changes without an entry in its log, so the
 * rollout itself, which may be large, is asked for only after one.
 */
async function watchLines(watch: Watch, first: RolloutBody, print: (line: string) => void): Promise<RolloutBody> {
  const { terminal, client, id, frame } = watch;
  const cursor = { after: 0 };
  const news = new News();
  let rollout = first;
  let waiting = false;
  let stale = true;
  for (;;) {
    const startedAtMs = performance.now();
    try {
      stale = (await printNews(watch, cursor, print, news)) || stale;
      if (stale) rollout = await client.getRollout(id);
      stale = false;
      if (waiting) printNote(terminal, 'The server is back.');
      waiting = false;
      if (isSettled({ ...frame, rollout })) {
        await printNews(watch, cursor, print, news);
        return rollout;
      }
    } catch (error) {
      const failure = passing(error);
      if (!waiting) printNote(terminal, `${failure.message} Waiting for it.`);
      waiting = true;
    }
    await pauseAfter(startedAtMs);
  }
}

function closingNotes({ frame, terminal }: Watch, rollout: RolloutBody): string[] {
  const own = explainRollout(momentOf(frame, rollout, terminal.clock.nowMs()));
  if (rollout.state === 'converged') return [own];
  return [
    own,
    `Why each host is where it is: nexus rollout explain ${rollout.id}`,
    ...(rollout.state === 'halted'
      ? [`What stands against the release: nexus release show ${shortDigest(rollout.release)}`]
      : []),
  ];
}

/**
 * Watches until the rollout has ended, nothing is in flight and no rollback is owed: a live view on a terminal, lines in
 * a pipe, the final rollout alone with `--json`. Ends with 0 for a rollout that converged and with 1 for every other.
 */
export async function watchRollout(
  terminal: Terminal,
  client: NexusClient,
  id: string,
  flags: OperatorFlags,
): Promise<void> {
  const first = await client.getRollout(id);
  const watch: Watch = { terminal, client, id, frame: await loadFrame(client, first) };
  const live = terminal.stdout.isTTY === true && !flags.json;
  const last = live
    ? await watchLive(watch, first)
    : await watchLines(watch, first, flags.json ? () => {} : (line) => printLine(terminal, line));
  if (flags.json) printJson(terminal, last);
  else for (const note of closingNotes(watch, last)) printNote(terminal, note);
  if (last.state !== 'converged') throw new CommandEnd(EXIT_FAILED);
}
