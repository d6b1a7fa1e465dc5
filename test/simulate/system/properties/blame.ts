/**
 * Who is blamed for a failure: trouble of a host or a registry is reported as such, and what a service did is told with
 * how it ended.
 */
import assert from 'node:assert/strict';
import type { LogEvent } from '../../../../src/domain/event-log.ts';
import { entryOf } from '../../../../src/rollout/stored-entry.ts';

/** What the simulated registry, Compose and disk print about trouble that is none of the release's. */
const TROUBLE =
  /toomanyrequests|no such host|declared as external|could not be found|no space left|that Nexus has not deployed/;
const ENDED_BADLY = /has exited with code [1-9]/;

export function checkBlame(logged: LogEvent): void {
  if (logged.kind !== 'host_reported') return;
  const entry = entryOf(logged);
  if (entry.kind !== 'host_reported') return;
  const { event } = entry.numbered;
  if (event.type !== 'activation_failed') return;
  const { stderrTail: output, trouble, evidence = [] } = event;
  const lastLine = output.slice(output.lastIndexOf('\n') + 1);
  assert(
    trouble !== undefined || !TROUBLE.test(lastLine),
    `${entry.host} blames the release for trouble that it has no part in: ${lastLine}`,
  );
  assert(
    trouble !== undefined || !ENDED_BADLY.test(lastLine) || evidence.some(({ exitCode }) => exitCode !== null),
    `${entry.host} does not tell how the service ended that has failed: ${lastLine}`,
  );
}
