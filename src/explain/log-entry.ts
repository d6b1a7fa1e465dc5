/** What an entry of a rollout's log says, in words. */

import type { Style } from '../cli/terminal/terminal.ts';
import { formatSpan, plural, shortDigest } from '../domain/words.ts';
import type { LogEventBody } from '../wire/operator.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A fact that an agent reported, as the log keeps it. */
export interface AgentFactEntry {
  readonly type: string;
  readonly fields: Fields;
}

export interface EventWords {
  readonly text: string;
  readonly style?: Style;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return isFields(value) ? value : undefined;
}

export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  return typeof value === 'number' ? value : undefined;
}

function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  return Array.isArray(value) ? value : [];
}

/** The names among a list of names or of things with one. */
function namesOf(fields: Fields, name: string): string {
  return listOf(fields, name)
    .map((one) => (isFields(one) ? one['name'] : one))
    .filter((one) => typeof one === 'string')
    .map((one) => `'${one}'`)
    .join(', ');
}

/** Undefined for entries that no agent reported. */
export function agentEventOf(event: LogEventBody): AgentFactEntry | undefined {
  if (event.kind !== 'host_reported') return undefined;
  const numbered = fieldsOf(event.data, 'numbered');
  const fields = numbered === undefined ? undefined : fieldsOf(numbered, 'fact');
  const type = fields === undefined ? undefined : textOf(fields, 'type');
  return fields === undefined || type === undefined ? undefined : { type, fields };
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}

function lastOutput(fields: Fields): string {
  const lines = (textOf(fields, 'stderr_tail') ?? '').split('\n').map((line) => line.trim());
  return because(lines.findLast((line) => line !== ''));
}

function failedWords(fields: Fields): string {
  const probes = namesOf(fields, 'failing_probes');
  const seconds = numberOf(fields, 'sustained_seconds');
  // What the server found out has lasted by its own clock.
  const lasting = seconds === undefined || seconds === 0 ? '' : ` for ${formatSpan(seconds)}`;
  return probes === '' ? 'failed' : `failed: ${probes} failing${lasting}`;
}

function probeWords(fields: Fields): string {
  const mode = textOf(fields, 'mode') === 'observe' ? ' (only observed)' : '';
  return `probe '${textOf(fields, 'probe') ?? ''}'${mode}`;
}

const FACT_WORDS: Readonly<Record<string, (fields: Fields) => EventWords>> = {
  dispatch_ack: () => ({ text: 'takes it: activating' }),
  activation_started: (fields) => ({ text: `starts the activation${because(textOf(fields, 'method'))}` }),
  activation_completed: () => ({ text: 'has started it: soaking' }),
  activation_deferred: (fields) => ({ text: `puts it off${because(textOf(fields, 'reason'))}`, style: 'yellow' }),
  activation_failed: (fields) => ({ text: `failed to start it${lastOutput(fields)}`, style: 'red' }),
  probe_topology_declared: (fields) => {
    const names = namesOf(fields, 'probes');
    return { text: names === '' ? 'has no probes' : `watches ${names}` };
  },
  probe_observed_first: (fields) => ({ text: `${probeWords(fields)} is observed` }),
  probe_result: (fields) =>
    textOf(fields, 'status') === 'fail'
      ? { text: `${probeWords(fields)} fails${because(textOf(fields, 'failure_reason'))}`, style: 'yellow' }
      : { text: `${probeWords(fields)} passes` },
  probe_failure_first: (fields) => ({ text: `${probeWords(fields)} begins to fail`, style: 'yellow' }),
  failed: (fields) => ({ text: failedWords(fields), style: 'red' }),
  rollback_completed: (fields) => {
    const release = textOf(fields, 'reverted_to_release');
    return { text: `is back on ${release === undefined ? 'nothing' : shortDigest(release)}`, style: 'red' };
  },
  converged: () => ({ text: 'converged', style: 'green' }),
};

function verdictWords(data: Fields): EventWords {
  const verdict = fieldsOf(data, 'verdict') ?? {};
  const status = (textOf(verdict, 'status') ?? 'judged').replace('_', ' ');
  const reason = textOf(verdict, 'reason');
  const said = reason?.startsWith(status) ? reason.slice(status.length).replace(/^: /, '') : reason;
  const words = { text: `telemetry ${status}${because(said)}` };
  if (status === 'regressed') return { ...words, style: 'red' };
  return status === 'watch' ? { ...words, style: 'yellow' } : words;
}

function createdWords(data: Fields): EventWords {
  const plan = fieldsOf(data, 'plan') ?? {};
  const waves = listOf(plan, 'waves');
  const hosts = waves.reduce<number>((sum, wave) => sum + (Array.isArray(wave) ? wave.length : 0), 0);
  const release = `${textOf(plan, 'stack') ?? ''} ${shortDigest(textOf(plan, 'release') ?? '')}`;
  return {
    text: `the rollout of ${release} begins: ${plural(hosts, 'host')} in ${plural(waves.length, 'wave')}`,
  };
}

function promotedWords(data: Fields): EventWords {
  const skipped = namesOf(data, 'skipped');
  const later = skipped === '' ? '' : `; ${skipped} may follow later`;
  return { text: `wave ${(numberOf(data, 'wave') ?? 0) + 1} begins${later}` };
}

const KIND_WORDS: Readonly<Record<string, (data: Fields) => EventWords>> = {
  rollout_created: createdWords,
  rollout_paused: () => ({ text: 'the rollout is paused', style: 'yellow' }),
  rollout_resumed: () => ({ text: 'the rollout goes on' }),
  rollout_aborted: (data) => ({ text: `the rollout is aborted${because(textOf(data, 'reason'))}`, style: 'red' }),
  rollout_superseded: (data) => ({ text: `the rollout is superseded by ${textOf(data, 'by') ?? ''}`, style: 'yellow' }),
  rollout_halted: (data) => ({ text: `the rollout halts${because(textOf(data, 'reason'))}`, style: 'red' }),
  rollout_converged: () => ({ text: 'the rollout has converged', style: 'green' }),
  wave_promoted: promotedWords,
  host_dispatched: (data) => ({ text: `is offered the release (epoch ${numberOf(data, 'epoch') ?? 0})` }),
  dispatch_withdrawn: () => ({ text: 'is offered it no more: nobody had taken it', style: 'yellow' }),
  telemetry_judged: verdictWords,
  host_left: () => ({ text: 'was archived: it has left', style: 'yellow' }),
};

/** What happened, without when and where. An entry of a newer server is shown as it came. */
export function eventWords(event: LogEventBody): EventWords {
  const fact = agentEventOf(event);
  const words = fact === undefined ? KIND_WORDS[event.kind]?.(event.data) : FACT_WORDS[fact.type]?.(fact.fields);
  return words ?? { text: `${fact?.type ?? event.kind} ${JSON.stringify(fact?.fields ?? event.data)}` };
}
