import { messageOf, NexusError } from '../../src/domain/errors.ts';
import { TROUBLE_CLASSES, type TroubleClass } from '../../src/domain/rollout.ts';
import type { Trouble } from './decide/classify-trouble.ts';

/** Errors of the system that a full or failing disk gives. */
const DISK_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/**
 * The trouble of this host behind what a step has thrown; null: the release is at fault, or nobody is. An error's code
 * tells it, or its `details`: `failure` where the engine cannot be asked, `trouble` where whoever threw it knew the class.
 */
export function troubleOfError(error: unknown): Trouble | null {
  const word = classOf(error);
  return word === null ? null : { class: word, reason: messageOf(error) };
}

function classOf(error: unknown): TroubleClass | null {
  if (!(error instanceof NexusError)) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return typeof code === 'string' && DISK_CODES.has(code) ? 'disk' : null;
  }
  const told = TROUBLE_CLASSES.find((word) => word === error.details['trouble']);
  if (told !== undefined) return told;
  if (error.details['failure'] !== undefined) return 'engine';
  switch (error.code) {
    // The release cannot be fetched from the server.
    case 'unreachable':
    case 'overloaded':
      return 'network';
    // The engine refuses something that is none of the release's making, such as to rename a container.
    case 'conflict':
      return 'engine';
    default:
      return null;
  }
}
