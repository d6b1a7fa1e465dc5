import { messageOf, NexusError } from '../../domain/errors.ts';
import { printable } from './printable.ts';

function brokenRules(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  const lines: string[] = [];
  for (const error of errors as readonly unknown[]) {
    if (typeof error !== 'object' || error === null || !('message' in error)) continue;
    const field = 'path' in error && typeof error.path === 'string' && error.path !== '' ? error.path : 'the request';
    lines.push(`  ${field} ${String(error.message)}`);
  }
  return lines;
}

/** A failure as a person reads it on stderr: its message, then the rules that were broken and the nearest known name. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof NexusError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    return `error: nexus itself failed. Please report this, together with the command that you ran:\n${stack}`;
  }
  const nearest = error.details['did_you_mean'];
  const rules = brokenRules(error.details['errors']);
  const message = rules.length === 0 ? error.message : `${error.message.replace(/[.:]$/, '')}:`;
  const lines = [message, ...rules];
  if (typeof nearest === 'string' && !error.message.includes(nearest)) lines.push(`Did you mean '${nearest}'?`);
  return `error: ${lines.map((line) => line.split('\n').map(printable).join('\n')).join('\n')}`;
}
