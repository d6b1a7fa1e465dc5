/**
 * What an agent keeps survives a power cut: a stack's record is never older than the events that were sent from it, and
 * ticks that could not be delivered lie in the outbox before long.
 */
import assert from 'node:assert/strict';
import { decodeSegment } from '../../../../agent/telemetry/outbox/encode-segment.ts';
import { OUTBOX_FOLDER, STACKS_FOLDER } from '../host/agent-life.ts';
import type { Disk } from '../kernel/disk.ts';

/** A tick that is older is delivered, or kept: longer than two requests in a row may take, each of them made twice. */
const KEPT_WITHIN_MS = 60_000;

interface SentEvents {
  readonly stack: string;
  readonly epoch: number;
  lastSeq: number;
}

export class KeptOnDisk {
  /** By host and rollout. */
  readonly #sent = new Map<string, Map<string, SentEvents>>();

  /** A host has sent an event of a rollout that it has taken up. */
  eventSent(host: string, rolloutId: string, seq: number, stack: string, epoch: number): void {
    const ofHost = this.#sent.get(host) ?? new Map<string, SentEvents>();
    this.#sent.set(host, ofHost);
    const known = ofHost.get(rolloutId) ?? { stack, epoch, lastSeq: 0 };
    known.lastSeq = Math.max(known.lastSeq, seq);
    ofHost.set(rolloutId, known);
  }

  /** The disk of a host is gone, or the server has forgotten what it was told: nothing of it is expected to be there. */
  forget(host: string): void {
    this.#sent.delete(host);
  }

  /** The power of a host has been cut: its records, as they are on disk now. */
  checkRecords(host: string, disk: Disk): void {
    for (const [rolloutId, { stack, epoch, lastSeq }] of this.#sent.get(host) ?? []) {
      const path = `${STACKS_FOLDER}/${stack}/stack.json`;
      assert(disk.exists(path), `${path} of ${host} is gone after a power cut`);
      const record = readRecord(disk.peek(path).toString(), `${path} of ${host} after a power cut`);
      const isNewer = record.taken !== null && record.taken.epoch > epoch;
      if (isNewer || record.rollout === null || record.rollout.id !== rolloutId) continue;
      assert(record.rollout.nextSeq > lastSeq, `${path} of ${host} does not know event ${lastSeq}, which was sent`);
    }
  }
}

/**
 * The power of a host has been cut. `ages`: of the ticks that nobody has acknowledged, by its monotonic clock. The agent
 * has given up `lost` of them.
 */
export function checkOutbox(host: string, disk: Disk, ages: ReadonlyMap<number, number>, lost: number): void {
  const kept = keptTicks(disk);
  const missing = [...ages].filter(([recordedAtMs, ageMs]) => ageMs >= KEPT_WITHIN_MS && !kept.has(recordedAtMs));
  const oldestMs = Math.max(0, ...missing.map(([, ageMs]) => ageMs));
  assert(
    missing.length <= lost,
    `a tick of ${host} that was ${Math.round(oldestMs / 1000)} s old is lost with its power`,
  );
}

/** The ticks that an outbox on disk still gives. */
export function keptTicks(disk: Disk): Set<number> {
  const kept = new Set<number>();
  for (const name of disk.exists(OUTBOX_FOLDER) ? disk.list(OUTBOX_FOLDER) : []) {
    for (const recordedAtMs of ticksIn(disk, `${OUTBOX_FOLDER}/${name}`)) kept.add(recordedAtMs);
  }
  return kept;
}

/** The ticks in one file; none when it is not of the outbox. */
export function ticksIn(disk: Disk, path: string): number[] {
  if (!path.startsWith(`${OUTBOX_FOLDER}/`) || !disk.exists(path)) return [];
  return decodeSegment(disk.peek(path)).ticks.map(({ recordedAtMs }) => recordedAtMs);
}

interface Record {
  readonly taken: { readonly epoch: number } | null;
  readonly rollout: { readonly id: string; readonly nextSeq: number } | null;
}

function readRecord(text: string, what: string): Record {
  try {
    return JSON.parse(text) as Record;
  } catch {
    throw new assert.AssertionError({ message: `${what} cannot be read: ${JSON.stringify(text.slice(0, 40))}` });
  }
}
