/** What a tick writes: as little as possible. A steady one is a single row of numbers. */
import { hash } from 'node:crypto';
import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { assertNever, invariant } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import type { Store, StoredContainer, StoredTick } from '../../domain/store.ts';
import type { ContainerReport, HostFacts, PackedTick, ReportedTick, Tick } from '../../domain/telemetry.ts';
import {
  type ContainerChange,
  type HealthTurn,
  hasRestarted,
  identityText,
  type KnownContainer,
  nextHealth,
  observeContainers,
  REMOVED_AFTER_MS,
  stackOf,
} from '../../telemetry/container-presence.ts';
import { statusOnTick } from '../../telemetry/host-status.ts';
import { assembleSample, encodeSample } from '../../telemetry/sample-codec.ts';
import { type Fleet, type LiveHost, lastSeenAtMs, noteIncident, noteLatest } from '../state/fleet.ts';
import { authorize } from './authorize.ts';

const NO_BLOCKS = new Uint8Array(0);

type ChangeOf<K extends ContainerChange['kind']> = Extract<ContainerChange, { readonly kind: K }>;

function fingerprintOf(text: string): string {
  return hash('sha1', text, 'base64url');
}

export function reportTick(store: Store, fleet: Fleet, command: CommandOf<'report_tick'>): Outcomes['report_tick'] {
  const { host, tokenNumber } = authorize(fleet, command.identity);
  const { tick, nowMs } = command;
  // A tick that is older than the latest came late: it fills history, and shows that the host is alive.
  const isLatest = host.latest === null || tick.recordedAtMs > host.latest.recordedAtMs;
  if (isDuplicate(store, host, tick)) return { stored: false };
  if (isLatest && !isSteady(host, tick)) applyContainers(store, host, tick, nowMs);
  const ids = idsOf(store, host, tick);
  const sample = assembleSample(tick.host, ids, tick.containers?.blocks ?? NO_BLOCKS);
  const { recordedAtMs } = tick;
  const stored = storeTick(store, host, { recordedAtMs, receivedAtMs: nowMs, tokenNumber, live: isLatest, sample });
  noteUse(store, fleet, host, tokenNumber, nowMs, isLatest);
  if (isLatest) {
    noteLatest(host, stored, ids !== null);
    if (tick.containers !== null && ids !== null && host.listing?.ids !== ids)
      host.listing = { fingerprint: tick.containers.fingerprint, ids };
    applyFacts(store, host, tick.facts);
  }
  host.lastSeenAtMs = Math.max(host.lastSeenAtMs ?? 0, nowMs);
  applyStatus(store, fleet, host, nowMs);
  return { stored: true };
}

export function backFill(store: Store, fleet: Fleet, command: CommandOf<'back_fill'>): Outcomes['back_fill'] {
  const { host, tokenNumber } = authorize(fleet, command.identity);
  let stored = 0;
  for (const tick of command.ticks) {
    if (isDuplicate(store, host, tick)) continue;
    const { recordedAtMs, metrics } = tick;
    const containers = tick.containers?.map((report) => ({
      id: numberOf(store, host, report, recordedAtMs),
      metrics: report.metrics,
    }));
    const sample = encodeSample({ metrics, containers: containers ?? null });
    storeTick(store, host, { recordedAtMs, receivedAtMs: command.nowMs, tokenNumber, live: false, sample });
    stored += 1;
  }
  if (stored > 0) noteUse(store, fleet, host, tokenNumber, command.nowMs, false);
  return { stored };
}

/** Asks the store only where the tick is not newer than everything: the common case costs nothing. */
function isDuplicate(store: Store, host: LiveHost, tick: Pick<Tick, 'recordedAtMs'>): boolean {
  if (tick.recordedAtMs > host.newestMs) return false;
  return store.ticks.has(host.stored.id, tick.recordedAtMs);
}

function storeTick(store: Store, host: LiveHost, tick: Omit<StoredTick, 'hostId'>): StoredTick {
  const row = { hostId: host.stored.id, ...tick };
  invariant(store.ticks.insert(row), 'a tick that is no duplicate is new to the store');
  host.newestMs = Math.max(host.newestMs, row.recordedAtMs);
  host.tickCount += 1;
  return row;
}

/** Whether a tick changes nothing about its host's containers: the same list, and none that has been missing. */
function isSteady(host: LiveHost, { containers }: PackedTick): boolean {
  if (containers === null) return true;
  return host.listing?.fingerprint === containers.fingerprint && host.containers.size === containers.count;
}

/** The store's numbers of the reported containers, in their order; null when the tick says nothing of them. */
function idsOf(store: Store, host: LiveHost, tick: ReportedTick): readonly number[] | null {
  if (tick.containers === null) return null;
  if (host.listing?.fingerprint === tick.containers.fingerprint) return host.listing.ids;
  return tick.reports().map((report) => numberOf(store, host, report, tick.recordedAtMs));
}

/** The store's number of a reported container; one that only history knows is entered as removed. */
function numberOf(store: Store, host: LiveHost, report: ContainerReport, recordedAtMs: number): number {
  const known = host.containers.get(report.containerId);
  if (known !== undefined) return known.id;
  const stored = store.containers.find(host.stored.id, report.containerId);
  if (stored !== undefined) return stored.id;
  return store.containers.insert({
    hostId: host.stored.id,
    containerId: report.containerId,
    identity: report.identity,
    fingerprint: fingerprintOf(identityText(report.identity)),
    unhealthy: false,
    lastSeenAtMs: recordedAtMs,
    missingSinceMs: recordedAtMs,
    removedAtMs: recordedAtMs + REMOVED_AFTER_MS,
  });
}

/** Keeps a token's last use: in the tick itself where that is the host's latest, else for the next sweep to write. */
function noteUse(store: Store, fleet: Fleet, host: LiveHost, number: number, nowMs: number, inTick: boolean): void {
  const token = fleet.tokenByNumber(number);
  invariant(token !== undefined, 'the token is known');
  const previous = host.latest === null ? undefined : fleet.tokenByNumber(host.latest.tokenNumber);
  if (inTick && previous !== undefined && previous.number !== number) store.tokens.save(previous);
  token.lastUsedAtMs = nowMs;
  if (!inTick) fleet.usesToKeep.add(number);
}

function applyFacts(store: Store, host: LiveHost, reported: HostFacts): void {
  const known = host.stored.facts;
  const facts: HostFacts = {
    cpuCount: reported.cpuCount ?? known.cpuCount,
    memoryTotalMb: reported.memoryTotalMb ?? known.memoryTotalMb,
    diskTotalGb: reported.diskTotalGb ?? known.diskTotalGb,
    os: reported.os ?? known.os,
    dockerVersion: reported.dockerVersion ?? known.dockerVersion,
  };
  const unchanged =
    facts.cpuCount === known.cpuCount &&
    facts.memoryTotalMb === known.memoryTotalMb &&
    facts.diskTotalGb === known.diskTotalGb &&
    facts.os === known.os &&
    facts.dockerVersion === known.dockerVersion;
  if (unchanged) return;
  host.stored = { ...host.stored, facts };
  store.hosts.save(host.stored);
}

function applyStatus(store: Store, fleet: Fleet, host: LiveHost, nowMs: number): void {
  const { status, recovered } = statusOnTick(host.stored.status);
  if (status === host.stored.status) return;
  host.stored = { ...host.stored, status };
  store.hosts.save(host.stored);
  fleet.news.add(host.stored.name);
  if (recovered) store.events.append(hostEvent('host_recovered', host, nowMs, {}));
}

function hostEvent(
  kind: NewLogEvent['kind'],
  host: LiveHost,
  atMs: number,
  data: Record<string, unknown>,
): NewLogEvent {
  return { atMs, kind, host: host.stored.name, rolloutId: null, data };
}

function applyContainers(store: Store, host: LiveHost, tick: ReportedTick, nowMs: number): void {
  const reports = tick.reports();
  for (const change of observeContainers(host.containers, reports, tick.recordedAtMs, fingerprintOf)) {
    applyChange(store, host, change, tick, nowMs);
  }
}

function applyChange(store: Store, host: LiveHost, change: ContainerChange, tick: PackedTick, nowMs: number): void {
  switch (change.kind) {
    case 'appeared':
      return appear(store, host, change, tick, nowMs);
    case 'changed':
      return alter(store, host, change, tick, nowMs);
    case 'returned':
      return mark(store, host, change.containerId, { missingSinceMs: null, removedAtMs: null });
    case 'missing':
      return mark(store, host, change.containerId, { missingSinceMs: change.sinceMs, removedAtMs: null });
    case 'removed': {
      const { absence } = knownContainer(host, change.containerId);
      mark(store, host, change.containerId, { missingSinceMs: absence?.sinceMs ?? null, removedAtMs: change.atMs });
      host.containers.delete(change.containerId);
      return;
    }
    default:
      return assertNever(change);
  }
}

function knownContainer(host: LiveHost, containerId: string): KnownContainer {
  const known = host.containers.get(containerId);
  invariant(known !== undefined, 'a change is about a known container');
  return known;
}

/** New on this host, or back after it had been removed. */
function appear(store: Store, host: LiveHost, change: ChangeOf<'appeared'>, tick: PackedTick, nowMs: number): void {
  const { report, fingerprint, turn } = change;
  const { unhealthy } = nextHealth(false, report.identity.healthStatus);
  const row = rowOf(host, report, tick, { fingerprint, unhealthy });
  const stored = store.containers.find(host.stored.id, report.containerId);
  if (stored !== undefined) store.containers.save({ id: stored.id, ...row });
  const id = stored?.id ?? store.containers.insert(row);
  host.containers.set(report.containerId, { id, fingerprint, unhealthy, absence: null });
  logHealth(store, host, report, turn, nowMs);
}

function alter(store: Store, host: LiveHost, change: ChangeOf<'changed'>, tick: PackedTick, nowMs: number): void {
  const { report, fingerprint, unhealthy, turn } = change;
  const { containerId, identity } = report;
  const { id } = knownContainer(host, containerId);
  const before = store.containers.find(host.stored.id, containerId);
  invariant(before !== undefined, 'a container that is known is stored');
  store.containers.save({ id, ...rowOf(host, report, tick, { fingerprint, unhealthy }) });
  host.containers.set(containerId, { id, fingerprint, unhealthy, absence: null });
  const stack = stackOf(identity);
  if (stack !== null && hasRestarted(before.identity, identity))
    noteIncident(host, { atMs: nowMs, stack, containerId, kind: 'restarted' });
  logHealth(store, host, report, turn, nowMs);
}

function rowOf(
  host: LiveHost,
  { containerId, identity }: ContainerReport,
  tick: PackedTick,
  marks: Pick<KnownContainer, 'fingerprint' | 'unhealthy'>,
): Omit<StoredContainer, 'id'> {
  const presence = { lastSeenAtMs: tick.recordedAtMs, missingSinceMs: null, removedAtMs: null };
  return { hostId: host.stored.id, containerId, identity, ...marks, ...presence };
}

function mark(
  store: Store,
  host: LiveHost,
  containerId: string,
  marks: { missingSinceMs: number | null; removedAtMs: number | null },
): void {
  const known = knownContainer(host, containerId);
  const { missingSinceMs: sinceMs } = marks;
  const seenAtMs = lastSeenAtMs(host, known) ?? store.containers.find(host.stored.id, containerId)?.lastSeenAtMs ?? 0;
  store.containers.mark(known.id, { lastSeenAtMs: seenAtMs, ...marks });
  const absence = sinceMs === null ? null : { lastSeenAtMs: seenAtMs, sinceMs };
  host.containers.set(containerId, { ...known, absence });
}

function logHealth(store: Store, host: LiveHost, report: ContainerReport, turn: HealthTurn, nowMs: number): void {
  if (turn === null) return;
  const { containerId, identity } = report;
  const stack = stackOf(identity);
  if (stack !== null) noteIncident(host, { atMs: nowMs, stack, containerId, kind: turn });
  const kind = turn === 'unhealthy' ? 'container_unhealthy' : 'container_recovered';
  store.events.append(hostEvent(kind, host, nowMs, { container_id: containerId, name: identity.name }));
}
