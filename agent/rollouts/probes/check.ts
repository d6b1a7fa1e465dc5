import type { CustomProbe } from '../record/stack-record.ts';

export type CheckResult =
  | { readonly status: 'pass' }
  | { readonly status: 'fail'; readonly reason: string }
  /** It could not be run, which says nothing of the release: the engine is away. */
  | { readonly status: 'unknown' };

/** Runs one probe once, within `timeoutMs`. Never throws. */
export type Check = (timeoutMs: number) => Promise<CheckResult>;

/** How the probes of a stack's release are run, as a port. */
export type OpenCheck = (stack: string, check: CustomProbe['check']) => Check;
