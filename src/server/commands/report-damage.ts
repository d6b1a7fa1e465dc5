import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { State } from '../state/state.ts';

/** Marks each chunk as damaged, so that reads skip it from now on, and logs which history is lost. */
export function reportDamage(
  { fleet, changes }: State,
  command: CommandOf<'report_damage'>,
): Outcomes['report_damage'] {
  for (const { hostId, tier, startMs, reason } of command.chunks) {
    changes.write({ kind: 'mark_chunk_damaged', hostId, tier, startMs });
    changes.log({
      atMs: command.nowMs,
      kind: 'history_damaged',
      host: fleet.hostByNumber(hostId).stored.name,
      rolloutId: null,
      data: { tier, from: formatInstant(startMs), reason },
    });
  }
  return { reported: command.chunks.length };
}
