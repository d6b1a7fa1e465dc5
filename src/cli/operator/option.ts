/** Options of the command line, with what help and completion have to know about them. */
import { type Argument, Option } from 'commander';
import { type CompletionSource, completedBy } from './completion-source.ts';

interface OptionFacts {
  /** What applies without the option, in words; it need not be a value of the option. */
  readonly default?: string;
  /** The variable that means the same; the option comes first. */
  readonly env?: string;
  readonly completion?: CompletionSource;
}

const factsOfOptions = new WeakMap<Option, OptionFacts>();

/** Declares an option; commander itself learns neither the default nor the variable, so that it does not apply them. */
export function option(flags: string, description: string, facts: OptionFacts = {}): Option {
  const declared = new Option(flags, description);
  factsOfOptions.set(declared, facts);
  return facts.completion === undefined ? declared : completedBy(facts.completion, declared);
}

/** The description, then choices, default and variable in one pair of parentheses: help shows every option in this way. */
export function describeOption(declared: Option): string {
  const { default: fallback, env } = factsOfOptions.get(declared) ?? {};
  const value: unknown = fallback ?? declared.defaultValue;
  return withFacts(declared, [
    ...(value === undefined ? [] : [`default: ${String(value)}`]),
    ...(env === undefined ? [] : [`env: ${env}`]),
  ]);
}

/** As {@link describeOption}. */
export function describeArgument(declared: Argument): string {
  return withFacts(declared, []);
}

function withFacts({ description, argChoices }: Argument | Option, facts: readonly string[]): string {
  const all = [...(argChoices === undefined ? [] : [`one of: ${argChoices.join(', ')}`]), ...facts];
  return all.length === 0 ? description : `${description} (${all.join('; ')})`;
}
