import type { EncodedTick } from './outbox/stored-tick.ts';

/** Where ticks come from, as a port: what this host and its containers do, measured. */
export interface TickSource {
  /** Keeps in step with the engine until `signal` aborts, whether ticks are taken or not. */
  run(signal: AbortSignal): Promise<void>;
  /** Takes the first readings, which the first tick's CPU figures are measured from. Ends within five seconds. */
  prime(): Promise<void>;
  /** One tick, within about five seconds even when the engine hangs: what is known by then is what it says. */
  collect(): Promise<EncodedTick>;
}
