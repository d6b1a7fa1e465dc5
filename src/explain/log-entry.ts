/**
 * What an entry of the log says, as the predicate of a sentence: the host, or the rollout or release where the entry is
 * about no host, is its subject and is shown beside it.
 */
import { budgetName } from '../domain/budget.ts';
import type { EventKind } from '../domain/event-log.ts';
import type { AgentEventType } from '../domain/rollout.ts';
import { formatSpan, plural, quote, releaseName, shortDigest } from '../domain/words.ts';
import type { LogEventBody } from '../wire/operator.ts';
import type { Sentence, Tone } from './tone.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The names of releases by digest, as {@link releaseName} writes them. */
export type ReleaseNames = ReadonlyMap<string, string>;

/** An event that an agent reported, as the log keeps it. */
export interface AgentEventEntry {
  readonly type: string;
  readonly fields: Fields;
}

type Describe = (fields: Fields, names: ReleaseNames) => Sentence;

function say(text: string, tone: Tone = 'neutral'): Sentence {
  return { text, tone };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return isFields(value) ? value : undefined;
}

/** Undefined for a field that is missing, empty or no text. */
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

/** The quoted names in a list of names, or of objects that have one. */
function namesOf(fields: Fields, name: string): string[] {
  return listOf(fields, name)
    .map((one) => (isFields(one) ? one['name'] : one))
    .filter((one) => typeof one === 'string')
    .map(quote);
}

/** The event in a `host_reported` entry; undefined for every other kind. */
export function agentEventOf(entry: LogEventBody): AgentEventEntry | undefined {
  if (entry.kind !== 'host_reported') return undefined;
  const numbered = fieldsOf(entry.data, 'numbered');
  const fields = numbered === undefined ? undefined : fieldsOf(numbered, 'fact');
  const type = fields === undefined ? undefined : textOf(fields, 'type');
  return fields === undefined || type === undefined ? undefined : { type, fields };
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}

/** The last line of `text` that says anything; empty where none does. */
export function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.findLast((line) => line !== '') ?? '';
}

function lastOutput(fields: Fields, name: string): string {
  const line = lastLine(textOf(fields, name) ?? '');
  return line === '' ? '' : `: ${line}`;
}

/** `probe 'front'`, `probes 'front', 'db'`. */
export function probesOf(quoted: readonly string[]): string {
  return `${quoted.length === 1 ? 'probe' : 'probes'} ${quoted.join(', ')}`;
}

function failedWords(fields: Fields): string {
  const probes = namesOf(fields, 'failing_probes');
  if (probes.length === 0) return 'failed';
  const seconds = numberOf(fields, 'sustained_seconds');
  // Zero where the server itself found the regression: its clock has already measured how long it lasted.
  const lasting = seconds === undefined || seconds === 0 ? '' : ` for ${formatSpan(seconds)}`;
  return `failed: ${probesOf(probes)} failing${lasting}`;
}

function probeName(fields: Fields): string {
  const mode = textOf(fields, 'mode') === 'observe' ? ' (observed only)' : '';
  return `probe ${quote(textOf(fields, 'probe') ?? '')}${mode}`;
}

function nameRelease(names: ReleaseNames, digest: string): string {
  return names.get(digest) ?? shortDigest(digest);
}

const AGENT_EVENTS: Readonly<Record<AgentEventType, Describe>> = {
  dispatch_ack: () => say('accepted the release and is activating it', 'active'),
  dispatch_refused: (fields) =>
    say(`did not accept the release${because(textOf(fields, 'detail') ?? textOf(fields, 'reason'))}`, 'warning'),
  activation_started: (fields) => {
    const method = textOf(fields, 'method');
    return say(`started the activation${method === undefined ? '' : ` with ${method}`}`);
  },
  activation_completed: () => say('activated the release and is soaking', 'active'),
  activation_deferred: (fields) => say(`deferred the activation${because(textOf(fields, 'reason'))}`, 'warning'),
  activation_failed: (fields) => say(`failed to activate the release${lastOutput(fields, 'stderr_tail')}`, 'bad'),
  probe_topology_declared: (fields) => {
    const probes = namesOf(fields, 'probes');
    return say(probes.length === 0 ? 'has no probes' : `has ${probesOf(probes)}`);
  },
  probe_observed_first: (fields) => say(`${probeName(fields)} reported its first result`),
  probe_result: (fields) =>
    textOf(fields, 'status') === 'fail'
      ? say(`${probeName(fields)} fails${because(textOf(fields, 'failure_reason'))}`, 'warning')
      : say(`${probeName(fields)} passes`),
  probe_failure_first: (fields) => say(`${probeName(fields)} began to fail`, 'warning'),
  failed: (fields) => say(failedWords(fields), 'bad'),
  rollback_completed: (fields, names) => {
    const digest = textOf(fields, 'reverted_to_release');
    return say(
      digest === undefined
        ? 'rolled back and runs nothing now (first deploy)'
        : `rolled back to ${nameRelease(names, digest)}`,
      'bad',
    );
  },
  rollback_failed: (fields) =>
    say(`cannot bring back what ran before, and keeps trying${lastOutput(fields, 'output_tail')}`, 'bad'),
  converged: () => say('converged', 'good'),
};

const VERDICT_TONES: Readonly<Record<string, Tone>> = { ok: 'good', watch: 'warning', regressed: 'bad' };

/** Whether a verdict of `watch` with these figures waits for memory to settle, while no limit is exceeded. */
export function isUnsettled(figures: Fields): boolean {
  return figures['limits_exceeded'] === 0;
}

function describeVerdict(data: Fields): Sentence {
  const verdict = fieldsOf(data, 'verdict') ?? {};
  const status = textOf(verdict, 'status') ?? 'judged';
  const watched = isUnsettled(fieldsOf(verdict, 'figures') ?? {}) ? 'not settled' : 'beyond a limit';
  const words = status === 'watch' ? watched : status.replace('_', ' ');
  const reason = textOf(verdict, 'reason');
  const rest = reason?.startsWith(words) ? reason.slice(words.length).replace(/^: /, '') : reason;
  return say(`telemetry ${words}${because(rest)}`, VERDICT_TONES[status] ?? 'neutral');
}

function describeCreation(data: Fields, names: ReleaseNames): Sentence {
  const plan = fieldsOf(data, 'plan') ?? {};
  const waves = listOf(plan, 'waves');
  const hosts = waves.reduce<number>((sum, wave) => sum + (Array.isArray(wave) ? wave.length : 0), 0);
  const digest = textOf(plan, 'release') ?? '';
  const release = names.get(digest) ?? releaseName({ stack: textOf(plan, 'stack') ?? '', version: null, digest });
  return say(`rollout of ${release} started: ${plural(hosts, 'host')} in ${plural(waves.length, 'wave')}`, 'active');
}

function describePromotion(data: Fields): Sentence {
  const skipped = namesOf(data, 'skipped');
  const later = skipped.length === 0 ? '' : ` without ${skipped.join(', ')}, which may follow later`;
  return say(`wave ${(numberOf(data, 'wave') ?? 0) + 1} started${later}`, 'active');
}

function describeLabels(data: Fields): string {
  const labels = Object.entries(fieldsOf(data, 'labels') ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return labels.join(' ');
}

function describeToken(data: Fields): string {
  const kind = textOf(data, 'kind');
  return `${kind === undefined ? '' : `${kind} `}token ${quote(textOf(data, 'name') ?? '')} (${textOf(data, 'token_id') ?? ''})`;
}

/** `2 h ahead`, `3 s back`. */
function formatStep(byMs: number): string {
  return `${formatSpan(Math.abs(byMs) / 1000)} ${byMs < 0 ? 'back' : 'ahead'}`;
}

function silentSince(data: Fields): string {
  const since = textOf(data, 'since');
  return since === undefined ? '' : `, silent since ${since}`;
}

function budgetOf(data: Fields): string {
  return quote(budgetName({ label: textOf(data, 'label') ?? '', value: textOf(data, 'value') ?? '' }));
}

/** The release that an entry names by stack, version and digest. */
function releaseOf(data: Fields, names: ReleaseNames): string {
  const digest = textOf(data, 'release') ?? '';
  const version = textOf(data, 'version') ?? null;
  return names.get(digest) ?? releaseName({ stack: textOf(data, 'stack') ?? '', version, digest });
}

const KINDS: Readonly<Record<EventKind, Describe>> = {
  host_added: (data) => {
    const labels = describeLabels(data);
    return say(`was added${labels === '' ? '' : ` with ${labels}`}`);
  },
  host_labelled: (data) => {
    const labels = describeLabels(data);
    return say(labels === '' ? 'has no labels now' : `is now labelled ${labels}`);
  },
  host_offline: (data) => {
    const silentMs = numberOf(data, 'silent_ms');
    return say(
      silentMs === undefined ? 'went offline' : `went offline after ${formatSpan(silentMs / 1000)} of silence`,
      'bad',
    );
  },
  host_recovered: () => say('is back online', 'good'),
  host_archived: (data) =>
    say(`was archived, and ${plural(listOf(data, 'revoked_tokens').length, 'token')} revoked`, 'muted'),
  container_unhealthy: (data) => say(`container ${quote(textOf(data, 'name') ?? '')} became unhealthy`, 'bad'),
  container_recovered: (data) => say(`container ${quote(textOf(data, 'name') ?? '')} is healthy again`, 'good'),
  drift_detected: (data, names) =>
    say(
      `no longer runs ${releaseOf(data, names)} as it was deployed: ${listOf(data, 'findings').join('; ')}`,
      'warning',
    ),
  drift_resolved: (data, names) =>
    Object.hasOwn(data, 'replaced_by')
      ? say(`a rollout has replaced ${releaseOf(data, names)}, which had drifted`)
      : say(`runs ${releaseOf(data, names)} as it was deployed again`, 'good'),
  token_created: (data) => say(`${describeToken(data)} was created`),
  token_rotated: (data) => say(`${describeToken(data)} replaced ${textOf(data, 'replaces') ?? 'an older one'}`),
  token_revoked: (data) => say(`${describeToken(data)} was revoked`, 'muted'),
  release_added: (data, names) => say(`${releaseOf(data, names)} was added`),
  release_removed: (data, names) => say(`${releaseOf(data, names)} was removed`),
  release_quarantined: (data, names) => {
    const probes = namesOf(data, 'failing_probes');
    const why = probes.length === 0 ? 'it could not be activated' : `${probesOf(probes)} failed`;
    return say(
      `${releaseOf(data, names)} was quarantined: ${why} in rollout ${textOf(data, 'rollout_id') ?? ''}`,
      'bad',
    );
  },
  quarantine_lifted: (data, names) =>
    say(`${releaseOf(data, names)} is no longer quarantined${because(textOf(data, 'reason'))}`),
  budget_set: (data) => {
    const hosts = plural(numberOf(data, 'max_in_flight') ?? 0, 'host');
    return say(`the budget ${budgetOf(data)} lets at most ${hosts} change at once now`);
  },
  budget_removed: (data) => say(`the budget ${budgetOf(data)} was removed`),
  clock_stepped: (data) => say(`the server's clock was set ${formatStep(numberOf(data, 'by_ms') ?? 0)}`, 'warning'),
  history_damaged: (data) =>
    say(
      `history (${textOf(data, 'tier') ?? ''}) from ${textOf(data, 'from') ?? ''} is damaged and left out${because(textOf(data, 'reason'))}`,
      'bad',
    ),
  rollout_created: describeCreation,
  rollout_paused: () => say('rollout paused', 'warning'),
  rollout_resumed: () => say('rollout resumed', 'active'),
  rollout_aborted: (data) => say(`rollout aborted${because(textOf(data, 'reason'))}`, 'bad'),
  rollout_superseded: (data) => say(`rollout superseded by ${textOf(data, 'by') ?? 'another one'}`, 'warning'),
  rollout_halted: (data) => say(`rollout halted${because(textOf(data, 'reason'))}`, 'bad'),
  rollout_converged: () => say('rollout converged', 'good'),
  wave_promoted: describePromotion,
  host_dispatched: (data) => say(`was offered the release (epoch ${numberOf(data, 'epoch') ?? 0})`),
  dispatch_withdrawn: () => say('had not accepted the release, and the offer was withdrawn', 'warning'),
  host_reported: (data) => say(`reported ${JSON.stringify(data)}`),
  telemetry_judged: describeVerdict,
  rollout_stalled: (data) =>
    say(`is lost${silentSince(data)}: the rollout has stalled, and goes on when it is back`, 'bad'),
  host_lost: (data) => say(`is lost${silentSince(data)}, and counts as failed`, 'bad'),
  soak_restarted: (data) => {
    const byMs = numberOf(data, 'by_ms');
    const step = byMs === undefined ? 'was set' : `was set ${formatStep(byMs)}`;
    return say(`soaks from the beginning again: the server's clock ${step}`, 'warning');
  },
  host_returned: () => say('is back, and goes on with the rollout', 'good'),
  host_left: () => say('was archived and left the rollout', 'warning'),
  host_dropped: (data) => say(`left the rollout${because(textOf(data, 'reason'))}`, 'warning'),
};

/** Looks up own properties only, because a name from outside may be 'constructor'. */
function lookUp(table: Readonly<Record<string, Describe>>, name: string): Describe | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** What happened, without when and to which host. An entry of a newer server is shown as it came. */
export function describeEntry(entry: LogEventBody, names: ReleaseNames): Sentence {
  const event = agentEventOf(entry);
  if (event !== undefined) {
    const describe = lookUp(AGENT_EVENTS, event.type);
    return describe?.(event.fields, names) ?? say(`${event.type} ${JSON.stringify(event.fields)}`);
  }
  const describe = lookUp(KINDS, entry.kind);
  return describe?.(entry.data, names) ?? say(`${entry.kind} ${JSON.stringify(entry.data)}`);
}
