import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import { isHostName, type Labels, MAX_LABELS } from '../../domain/host.ts';
import type { StoredHost } from '../../domain/records.ts';
import { NO_FACTS } from '../../domain/telemetry.ts';
import { AFTER_LABEL, WINDOW_LABEL } from '../../rollout/gates/labels.ts';
import { parseWindows } from '../../rollout/gates/parse-windows.ts';
import { type LiveHost, summarize } from '../state/fleet.ts';
import type { State } from '../state/state.ts';
import { findHost } from './find-host.ts';
import { issueToken, revoke } from './tokens.ts';

function log(
  state: State,
  kind: NewLogEvent['kind'],
  host: LiveHost,
  nowMs: number,
  data: Record<string, unknown>,
): void {
  state.changes.log({ atMs: nowMs, kind, host: host.stored.name, rolloutId: null, data });
}

/** Labels that gates read must be readable when they are set: a typing error would hold the host's rollouts. Throws `invalid`. */
function requireReadable(labels: Readonly<Record<string, string | null>>): void {
  const windows = labels[WINDOW_LABEL] ?? null;
  const parsed = windows === null ? null : parseWindows(windows);
  if (parsed !== null && !parsed.ok) {
    throw new NexusError(
      'invalid',
      `the label '${WINDOW_LABEL}' cannot be read: ${parsed.why}. Write for example Sat,Sun 22:00-04:00 or Mon-Fri 01:00-05:00 Europe/Berlin, several separated by ';'`,
    );
  }
  const names = (labels[AFTER_LABEL] ?? '').split(',').map((item) => item.trim());
  const bad = names.find((name) => name !== '' && !name.includes('=') && !isHostName(name));
  if (bad !== undefined) {
    throw new NexusError(
      'invalid',
      `the label '${AFTER_LABEL}' cannot be read: '${bad}' is neither the name of a host nor KEY=VALUE`,
    );
  }
}

export function addHost(state: State, command: CommandOf<'add_host'>): Outcomes['add_host'] {
  const taken = state.fleet.hostByName(command.name);
  if (taken !== undefined) {
    const why = taken.stored.status === 'archived' ? ' by an archived host, whose history it keeps' : '';
    throw new NexusError('conflict', `the name '${command.name}' is taken${why}: choose another name`);
  }
  requireReadable(command.labels);
  const stored: StoredHost = {
    id: state.numbers.next('host'),
    name: command.name,
    status: 'pending',
    labels: command.labels,
    offlineAfterSeconds: command.offlineAfterSeconds,
    createdAtMs: command.nowMs,
    archivedAtMs: null,
    facts: NO_FACTS,
    agent: null,
  };
  const host = state.fleet.addHost(stored);
  state.changes.write({ kind: 'insert_host', host: stored });
  log(state, 'host_added', host, command.nowMs, { labels: command.labels });
  const { token, nowMs } = command;
  const minted =
    token &&
    issueToken(state, { ...token, kind: 'agent', hostId: stored.id, scope: null, name: token.name ?? 'agent' }, nowMs);
  return { host: summarize(host), minted };
}

/** Changes a host in a way that its rollouts may depend on: they reconsider it before the batch ends. */
export function changeHost({ fleet, changes }: State, host: LiveHost, fields: Partial<StoredHost>): void {
  host.stored = { ...host.stored, ...fields };
  fleet.changedHosts.add(host.stored.name);
  changes.write({ kind: 'save_host', host: host.stored });
}

function mergeLabels(labels: Labels, changes: Readonly<Record<string, string | null>>): Labels {
  const merged = new Map(Object.entries(labels));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function updateHost(state: State, command: CommandOf<'update_host'>): Outcomes['update_host'] {
  const host = findHost(state.fleet, command.name);
  if (host.stored.status === 'archived') {
    throw new NexusError('conflict', `host '${command.name}' is archived for good and cannot be changed`);
  }
  if (command.labels !== null) requireReadable(command.labels);
  const labels = command.labels === null ? host.stored.labels : mergeLabels(host.stored.labels, command.labels);
  if (Object.keys(labels).length > MAX_LABELS) {
    throw new NexusError(
      'invalid',
      `host '${command.name}' would have more than ${MAX_LABELS} labels: delete some first`,
    );
  }
  const offlineAfterSeconds = command.offlineAfterSeconds ?? host.stored.offlineAfterSeconds;
  changeHost(state, host, { labels, offlineAfterSeconds });
  if (command.labels !== null) log(state, 'host_labelled', host, command.nowMs, { labels });
  return { host: summarize(host) };
}

/** Archiving a host again changes nothing and is not logged. */
export function archiveHost(state: State, command: CommandOf<'archive_host'>): Outcomes['archive_host'] {
  const host = findHost(state.fleet, command.name);
  if (host.stored.status === 'archived') return { host: summarize(host) };
  changeHost(state, host, { status: 'archived', archivedAtMs: command.nowMs });
  const revoked: string[] = [];
  for (const token of [...state.fleet.tokens()]) {
    if (token.hostId !== host.stored.id || token.revokedAtMs !== null) continue;
    revoke(state, token, command.nowMs);
    revoked.push(token.id);
  }
  log(state, 'host_archived', host, command.nowMs, { revoked_tokens: revoked });
  return { host: summarize(host) };
}
