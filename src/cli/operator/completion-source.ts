import type { Argument, Option } from 'commander';

/** What the shell offers for a value: names the server knows, or files of this machine. Fixed choices are commander's. */
export type CompletionSource = 'host' | 'release' | 'quarantined-release' | 'rollout' | 'directory' | 'file';

const sources = new WeakMap<Argument | Option, CompletionSource>();

/** Notes where completions of this argument or option come from; returns it, so that it can stand inside a declaration. */
export function completedBy<T extends Argument | Option>(source: CompletionSource, target: T): T {
  sources.set(target, source);
  return target;
}

export function completionSourceOf(target: Argument | Option): CompletionSource | undefined {
  return sources.get(target);
}
