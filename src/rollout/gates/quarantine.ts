import { formatInstant } from '../../domain/instant.ts';
import { quote, shortDigest } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, holdUnread } from './gate.ts';

/** A release that has failed its stack goes nowhere until an operator lifts that. */
export function checkQuarantine({ rollout, fleet, nowMs }: GateContext): Holding | null {
  const { stack, release } = rollout.plan;
  const reading = fleet.quarantine(stack, release);
  const name = `release ${shortDigest(release)} of stack ${quote(stack)}`;
  if (!reading.ok)
    return holdUnread('quarantine', `whether ${name} is quarantined cannot be read: ${reading.why}`, nowMs);
  const quarantine = reading.value;
  if (quarantine === null) return null;
  const { host, failingProbes, sinceMs, rolloutId } = quarantine;
  const why = failingProbes.length > 0 ? ` (${failingProbes.map(quote).join(', ')})` : '';
  const since = formatInstant(sinceMs);
  return hold(
    'quarantine',
    `${name} is quarantined since ${since}: ${quote(host)} failed on it${why} in rollout ${rolloutId}`,
  );
}
