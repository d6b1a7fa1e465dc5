import type { Argument, Option } from 'commander';

/** What a shell offers for a value: names that the server knows, or files of this machine. Commander knows fixed choices. */
export type CompletionSource = 'host' | 'stack' | 'release' | 'quarantined-release' | 'rollout' | 'directory' | 'file';

const sources = new WeakMap<Argument | Option, CompletionSource>();

/** Records where the completions of `target` come from; returns it, so that it can stand inside a declaration. */
export function completedBy<T extends Argument | Option>(source: CompletionSource, target: T): T {
  sources.set(target, source);
  return target;
}

export function completionSourceOf(target: Argument | Option): CompletionSource | undefined {
  return sources.get(target);
}
