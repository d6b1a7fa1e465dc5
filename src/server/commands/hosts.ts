import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import { type Labels, MAX_LABELS } from '../../domain/host.ts';
import type { Store } from '../../domain/store.ts';
import { NO_FACTS } from '../../domain/telemetry.ts';
import { type Fleet, type LiveHost, summarize } from '../state/fleet.ts';
import { findHost } from './find-host.ts';
import { issueToken, revoke } from './tokens.ts';

function log(
  store: Store,
  kind: NewLogEvent['kind'],
  host: LiveHost,
  nowMs: number,
  data: Record<string, unknown>,
): void {
  store.events.append({ atMs: nowMs, kind, host: host.stored.name, rolloutId: null, data });
}

export function addHost(store: Store, fleet: Fleet, command: CommandOf<'add_host'>): Outcomes['add_host'] {
  const taken = fleet.hostByName(command.name);
  if (taken !== undefined) {
    const why = taken.stored.status === 'archived' ? ' by an archived host, whose history it keeps' : '';
    throw new NexusError('conflict', `the name '${command.name}' is taken${why}: choose another name`);
  }
  const row = {
    name: command.name,
    status: 'pending' as const,
    labels: command.labels,
    offlineAfterSeconds: command.offlineAfterSeconds,
    createdAtMs: command.nowMs,
    archivedAtMs: null,
    facts: NO_FACTS,
  };
  const host = fleet.addHost({ ...row, id: store.hosts.insert(row) });
  log(store, 'host_added', host, command.nowMs, { labels: command.labels });
  const minted =
    command.token === null
      ? null
      : issueToken(
          store,
          fleet,
          {
            kind: 'agent',
            hostId: host.stored.id,
            name: command.token.name ?? 'agent',
            expiresAtMs: command.token.expiresAtMs,
          },
          command.nowMs,
        );
  return { host: summarize(host), minted };
}

function mergeLabels(labels: Labels, changes: Readonly<Record<string, string | null>>): Labels {
  const merged = new Map(Object.entries(labels));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function updateHost(store: Store, fleet: Fleet, command: CommandOf<'update_host'>): Outcomes['update_host'] {
  const host = findHost(fleet, command.name);
  if (host.stored.status === 'archived') {
    throw new NexusError('conflict', `host '${command.name}' is archived for good and cannot be changed`);
  }
  const labels = command.labels === null ? host.stored.labels : mergeLabels(host.stored.labels, command.labels);
  if (Object.keys(labels).length > MAX_LABELS) {
    throw new NexusError(
      'invalid',
      `host '${command.name}' would have more than ${MAX_LABELS} labels: delete some first`,
    );
  }
  const offlineAfterSeconds = command.offlineAfterSeconds ?? host.stored.offlineAfterSeconds;
  host.stored = { ...host.stored, labels, offlineAfterSeconds };
  fleet.news.add(host.stored.name);
  store.hosts.save(host.stored);
  if (command.labels !== null) log(store, 'host_labelled', host, command.nowMs, { labels });
  return { host: summarize(host) };
}

/** Archiving twice is harmless and logged once. */
export function archiveHost(store: Store, fleet: Fleet, command: CommandOf<'archive_host'>): Outcomes['archive_host'] {
  const host = findHost(fleet, command.name);
  if (host.stored.status === 'archived') return { host: summarize(host) };
  host.stored = { ...host.stored, status: 'archived', archivedAtMs: command.nowMs };
  fleet.news.add(host.stored.name);
  store.hosts.save(host.stored);
  const revoked: string[] = [];
  for (const token of [...fleet.tokens()]) {
    if (token.hostId !== host.stored.id || token.revokedAtMs !== null) continue;
    revoke(store, fleet, token, command.nowMs);
    revoked.push(token.id);
  }
  log(store, 'host_archived', host, command.nowMs, { revoked_tokens: revoked });
  return { host: summarize(host) };
}
