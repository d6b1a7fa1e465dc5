import { formatInstant } from '../../domain/instant.ts';
import { quote, shortDigest } from '../../domain/words.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** A release that has failed its stack goes nowhere until an operator lifts that. */
export function checkQuarantine({ rollout, fleet }: GateContext): Holding | null {
  const { stack, release } = rollout.plan;
  const quarantine = fleet.quarantine(stack, release);
  if (quarantine === null) return null;
  const name = `release ${shortDigest(release)} of stack ${quote(stack)}`;
  const { host, failingProbes, sinceMs, rolloutId } = quarantine;
  const why = failingProbes.length > 0 ? ` (${failingProbes.map(quote).join(', ')})` : '';
  const since = formatInstant(sinceMs);
  return hold(
    'quarantine',
    `${name} is quarantined since ${since}: ${quote(host)} failed on it${why} in rollout ${rolloutId}`,
  );
}
