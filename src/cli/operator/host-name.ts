import { NexusError } from '../../domain/errors.ts';
import { isHostName } from '../../domain/host.ts';

/** The name of a host as it was typed. Throws `usage` for one that no host can have. */
export function readHostName(text: string): string {
  if (isHostName(text)) return text;
  const nearest = text.toLowerCase().replaceAll('_', '-');
  throw new NexusError(
    'usage',
    `'${text}' is not a host name: use lower-case letters, digits, '-' and '.', at most 253 characters (RFC 1123).`,
    isHostName(nearest) ? { details: { did_you_mean: nearest } } : {},
  );
}
