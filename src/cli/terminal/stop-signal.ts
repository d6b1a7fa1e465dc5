import type { Log } from '../../domain/log.ts';
import { EXIT_FAILED } from './exit-code.ts';

/**
 * Aborts at the first SIGTERM or SIGINT. A second one means that whoever sent it does not want to wait for a graceful
 * end: the process exits with 1 at once. What was acknowledged is on the disk either way.
 */
export function stopSignal(log: Log): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      log.warn({ signal }, 'second stop signal: exiting at once');
      process.exit(EXIT_FAILED);
    }
    log.info({ signal }, 'stopping: finishing what is under way');
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop.signal;
}

/** Resolves when `signal` aborts, also if that was before. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
