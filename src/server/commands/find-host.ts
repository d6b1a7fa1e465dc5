import { closest, distance } from 'fastest-levenshtein';
import { NexusError } from '../../domain/errors.ts';
import type { Fleet, LiveHost } from '../state/fleet.ts';

/** More edits than this make it another name, not a typing error. */
const MAX_SLIPS = 3;

/** Throws `not_found`, with `did_you_mean` when a known name is near. */
export function findHost(fleet: Fleet, name: string): LiveHost {
  const host = fleet.hostByName(name);
  if (host !== undefined) return host;
  const names = fleet.hostNames();
  const near = names.length === 0 ? undefined : closest(name, names);
  if (near !== undefined && distance(name, near) <= Math.min(MAX_SLIPS, Math.ceil(name.length / 2))) {
    throw new NexusError('not_found', `there is no host '${name}'; did you mean '${near}'?`, {
      details: { did_you_mean: near },
    });
  }
  throw new NexusError('not_found', `there is no host '${name}': 'nexus host list' lists those there are`);
}
