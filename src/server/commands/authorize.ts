import { NexusError } from '../../domain/errors.ts';
import type { AgentIdentity } from '../../domain/token.ts';
import type { Fleet, LiveHost } from '../state/fleet.ts';

/** Checks the identity again: its token or host may have been revoked while the command waited. Throws `unauthorized`. */
export function authorize(fleet: Fleet, identity: AgentIdentity): { host: LiveHost; tokenNumber: number } {
  const token = fleet.tokenById(identity.tokenId);
  const host = fleet.hostByNumber(identity.hostId);
  if (token === undefined || token.revokedAtMs !== null || host.stored.status === 'archived') {
    throw new NexusError('unauthorized', 'the token was revoked while the request waited');
  }
  return { host, tokenNumber: token.number };
}
