import type { ServiceEvidence } from '../domain/rollout.ts';
import { describeEnd } from '../domain/words.ts';
import { lastBytes } from './last-bytes.ts';

/** Bytes that the log lines of all services have together: the reason of the failure needs room beside them. */
const MAX_LOG_BYTES = 4_096;

/** What failing services left behind, as text: how each ended, and its last log lines. Empty when nothing was left. */
export function describeEvidence(services: readonly ServiceEvidence[]): string {
  const share = Math.floor(MAX_LOG_BYTES / Math.max(1, services.length));
  return services
    .flatMap(({ service, exitCode, oomKilled, logTail }) => {
      const lines = lastBytes(logTail.trimEnd(), share)
        .split('\n')
        .filter((line) => line !== '');
      return [describeEnd(service, exitCode, oomKilled, lines.length), ...lines.map((line) => `  ${line}`)];
    })
    .join('\n');
}
