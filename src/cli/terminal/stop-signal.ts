import type { Log } from '../../domain/log.ts';
import { EXIT_FAILED } from './exit-code.ts';

/**
 * Aborts at the first SIGTERM or SIGINT. A second one asks not to wait for a graceful end: the process exits with 1 at
 * once. Everything that was acknowledged is on the disk either way.
 */
export function stopSignal(log: Log): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) {
      log.warn({ signal }, 'received a second stop signal: exiting at once');
      process.exit(EXIT_FAILED);
    }
    log.info({ signal }, 'stopping: finishing the work in progress');
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop.signal;
}

/** Resolves when `signal` aborts, at once if it has aborted already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
