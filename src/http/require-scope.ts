import { NexusError } from '../domain/errors.ts';
import { type AdminScope, includesScope } from '../domain/token.ts';
import { quote } from '../domain/words.ts';

/** Throws `forbidden` when an admin token may not do what needs this scope. */
export function requireScope(granted: AdminScope, needed: AdminScope): void {
  if (includesScope(granted, needed)) return;
  throw new NexusError(
    'forbidden',
    `the scope of this token is ${quote(granted)}, and this needs ${quote(needed)}: create a token for it with 'nexus token create --admin --scope ${needed}' on the server`,
  );
}
