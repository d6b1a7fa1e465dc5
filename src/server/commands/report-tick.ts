/** Stores ticks with as few writes as possible: a steady tick writes a single row of numbers. */
import { hash } from 'node:crypto';
import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { assertNever, invariant } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import type { Lookup } from '../../domain/lookups.ts';
import type { StoredContainer, StoredTick } from '../../domain/records.ts';
import type {
  AgentFacts,
  AgentReport,
  ContainerReport,
  HostFacts,
  PackedTick,
  ReportedTick,
  Tick,
} from '../../domain/telemetry.ts';
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
import { observeStacks } from '../../telemetry/observe-stacks.ts';
import { assembleSample, encodeSample } from '../../telemetry/sample-codec.ts';
import { watchDeployments } from '../rollouts/watch-deployments.ts';
import { type LiveHost, lastSeenAtMs, noteClock, noteIncident, noteLatest } from '../state/fleet.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { authorize } from './authorize.ts';
import { changeHost } from './hosts.ts';
import { saveToken } from './tokens.ts';

const NO_BLOCKS = new Uint8Array(0);
const NO_LOOKUPS: readonly Lookup[] = [];

type ChangeOf<K extends ContainerChange['kind']> = Extract<ContainerChange, { readonly kind: K }>;

/** Computed once for each report: a tick that is not steady is examined several times on its way through the writer. */
const fingerprints = new WeakMap<ContainerReport, string>();

function fingerprintOf(report: ContainerReport): string {
  const known = fingerprints.get(report);
  if (known !== undefined) return known;
  const fingerprint = hash('sha1', identityText(report.identity), 'base64url');
  fingerprints.set(report, fingerprint);
  return fingerprint;
}

/** A tick older than the latest came late: it fills history and shows that the host is alive, but moves no latest values. */
function isLatest(host: LiveHost, tick: PackedTick): boolean {
  return host.latest === null || tick.recordedAtMs > host.latest.recordedAtMs;
}

/** The common tick, newer than any other and without a change to its containers, needs no lookup. */
export function lookupsOfTick(state: State, { identity, tick }: CommandOf<'report_tick'>): readonly Lookup[] {
  const host = state.fleet.hostByNumber(identity.hostId);
  const isNew = tick.recordedAtMs > host.newestMs;
  if (isNew && isSteady(host, tick)) return NO_LOOKUPS;
  const lookups: Lookup[] = isNew ? [] : [tickLookup(host, tick)];
  if (!isLatest(host, tick))
    return idsAreListed(host, tick) ? lookups : lookups.concat(unknownOf(host, tick.reports()));
  if (isSteady(host, tick)) return lookups;
  for (const change of observe(host, tick)) {
    if (needsStored(host, change)) lookups.push(containerLookup(host, containerIdOf(change)));
  }
  return lookups;
}

export function lookupsOfBackFill(state: State, { identity, ticks }: CommandOf<'back_fill'>): readonly Lookup[] {
  const host = state.fleet.hostByNumber(identity.hostId);
  const lookups: Lookup[] = [];
  for (const tick of ticks) {
    lookups.push(tickLookup(host, tick), ...unknownOf(host, tick.containers ?? []));
  }
  return lookups;
}

function tickLookup(host: LiveHost, { recordedAtMs }: Pick<Tick, 'recordedAtMs'>) {
  return { kind: 'tick', hostId: host.stored.id, recordedAtMs } as const;
}

function containerLookup(host: LiveHost, containerId: string) {
  return { kind: 'container', hostId: host.stored.id, containerId } as const;
}

/** Lookups for containers that are not in memory because they are new or were removed long ago. */
function unknownOf(host: LiveHost, reports: readonly ContainerReport[]): Lookup[] {
  const unknown = reports.filter(({ containerId }) => !host.containers.has(containerId));
  return unknown.map(({ containerId }) => containerLookup(host, containerId));
}

function observe(host: LiveHost, tick: ReportedTick): ContainerChange[] {
  return observeContainers(host.containers, tick.reports(), tick.recordedAtMs, fingerprintOf);
}

function containerIdOf(change: ContainerChange): string {
  return 'report' in change ? change.report.containerId : change.containerId;
}

/** Whether the stored container is needed to apply the change. */
function needsStored(host: LiveHost, change: ContainerChange): boolean {
  if (change.kind === 'appeared' || change.kind === 'changed') return true;
  return lastSeenAtMs(host, knownContainer(host, change.containerId)) === null;
}

export function reportTick(
  state: State,
  command: CommandOf<'report_tick'>,
  found: LookupCache,
): Outcomes['report_tick'] {
  const { host, tokenNumber } = authorize(state.fleet, command.identity);
  const { tick, nowMs } = command;
  const live = isLatest(host, tick);
  if (isStored(host, tick, found)) return { stored: false };
  const steady = isSteady(host, tick);
  if (live && !steady) {
    for (const change of observe(host, tick)) applyChange(state, host, change, tick, nowMs, found);
    host.stacks = observeStacks(tick.reports());
  }
  const ids = idsOf(state, host, tick, found);
  const sample = assembleSample(tick.host, ids, tick.containers?.blocks ?? NO_BLOCKS);
  const { recordedAtMs } = tick;
  const stored = storeTick(state, host, { recordedAtMs, receivedAtMs: nowMs, tokenNumber, live, sample });
  noteUse(state, host, tokenNumber, nowMs, live);
  if (live) {
    noteLatest(host, stored, ids !== null);
    if (tick.containers !== null && ids !== null && host.listing?.ids !== ids)
      host.listing = { fingerprint: tick.containers.fingerprint, ids };
    applyFacts(state, host, tick.facts);
    if (tick.agent !== null) applyAgent(state, host, tick.agent);
  }
  host.lastSeenAtMs = Math.max(host.lastSeenAtMs ?? 0, nowMs);
  noteClock(host, recordedAtMs - nowMs, nowMs);
  applyStatus(state, host, nowMs);
  if (live && tick.containers !== null) watchDeployments(state, host, steady, nowMs);
  return { stored: true };
}

export function backFill(state: State, command: CommandOf<'back_fill'>, found: LookupCache): Outcomes['back_fill'] {
  const { host, tokenNumber } = authorize(state.fleet, command.identity);
  let stored = 0;
  for (const tick of command.ticks) {
    if (found.get(tickLookup(host, tick))) continue;
    const { recordedAtMs, metrics } = tick;
    const containers = tick.containers?.map((report) => ({
      id: numberOf(state, host, report, recordedAtMs, found),
      metrics: report.metrics,
    }));
    const sample = encodeSample({ metrics, containers: containers ?? null });
    storeTick(state, host, { recordedAtMs, receivedAtMs: command.nowMs, tokenNumber, live: false, sample });
    stored += 1;
  }
  if (stored > 0) noteUse(state, host, tokenNumber, command.nowMs, false);
  return { stored };
}

function isStored(host: LiveHost, tick: PackedTick, found: LookupCache): boolean {
  return tick.recordedAtMs <= host.newestMs && found.get(tickLookup(host, tick));
}

function storeTick({ changes }: State, host: LiveHost, tick: Omit<StoredTick, 'hostId'>): StoredTick {
  const { recordedAtMs, receivedAtMs, tokenNumber, live, sample } = tick;
  const write = {
    kind: 'insert_tick',
    hostId: host.stored.id,
    recordedAtMs,
    receivedAtMs,
    tokenNumber,
    live,
    sample,
  } as const;
  changes.write(write);
  host.newestMs = Math.max(host.newestMs, recordedAtMs);
  host.tickCount += 1;
  return write;
}

/** Whether a tick changes nothing about the containers of its host: the list is the same, and none was missing before. */
function isSteady(host: LiveHost, { containers }: PackedTick): boolean {
  if (containers === null) return true;
  return host.listing?.fingerprint === containers.fingerprint && host.containers.size === containers.count;
}

/** Whether the numbers of the reported containers are already known from the latest list. */
function idsAreListed(host: LiveHost, { containers }: PackedTick): boolean {
  return containers === null || host.listing?.fingerprint === containers.fingerprint;
}

/** The numbers of the reported containers, in the order of the report; null when the tick has no container list. */
function idsOf(state: State, host: LiveHost, tick: ReportedTick, found: LookupCache): readonly number[] | null {
  if (tick.containers === null) return null;
  if (host.listing?.fingerprint === tick.containers.fingerprint) return host.listing.ids;
  return tick.reports().map((report) => numberOf(state, host, report, tick.recordedAtMs, found));
}

/** The number of a reported container. A new container in a late tick is stored as already removed. */
function numberOf(
  state: State,
  host: LiveHost,
  report: ContainerReport,
  recordedAtMs: number,
  found: LookupCache,
): number {
  const known = host.containers.get(report.containerId);
  if (known !== undefined) return known.id;
  const stored = found.get(containerLookup(host, report.containerId));
  if (stored !== null) return stored.id;
  const id = state.numbers.next('container');
  state.changes.write({
    kind: 'insert_container',
    container: {
      id,
      hostId: host.stored.id,
      containerId: report.containerId,
      identity: report.identity,
      fingerprint: fingerprintOf(report),
      unhealthy: false,
      lastSeenAtMs: recordedAtMs,
      missingSinceMs: recordedAtMs,
      removedAtMs: recordedAtMs + REMOVED_AFTER_MS,
    },
  });
  return id;
}

/** Notes when a token was last used: the host's latest tick records that by itself; for others the next sweep does. */
function noteUse({ fleet, changes }: State, host: LiveHost, number: number, nowMs: number, inTick: boolean): void {
  const token = fleet.tokenByNumber(number);
  invariant(token !== undefined, 'the token is known');
  const previous = host.latest === null ? undefined : fleet.tokenByNumber(host.latest.tokenNumber);
  if (inTick && previous !== undefined && previous.number !== number) saveToken(changes, previous);
  token.lastUsedAtMs = nowMs;
  if (!inTick) fleet.usesToKeep.add(number);
}

function applyFacts({ changes }: State, host: LiveHost, reported: HostFacts): void {
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
  changes.write({ kind: 'save_host', host: host.stored });
}

/** Epochs that the agent has taken up and this server has not given out, after a restored backup, are gone beyond. */
function applyAgent({ index, driver, changes }: State, host: LiveHost, reported: AgentReport): void {
  const { epochs, ...agent } = reported;
  for (const [stack, epoch] of Object.entries(epochs)) {
    if (index.hasReleaseOf(stack)) driver.noteEpoch(stack, host.stored.name, epoch);
  }
  if (isSameAgent(host.stored.agent, agent)) return;
  host.stored = { ...host.stored, agent };
  changes.write({ kind: 'save_host', host: host.stored });
}

function isSameAgent(known: AgentFacts | null, agent: AgentFacts): boolean {
  return (
    known !== null &&
    known.version === agent.version &&
    known.composeVersion === agent.composeVersion &&
    known.bootId === agent.bootId &&
    known.capabilities.length === agent.capabilities.length &&
    known.capabilities.every((capability, index) => capability === agent.capabilities[index])
  );
}

function applyStatus(state: State, host: LiveHost, nowMs: number): void {
  const { status, recovered } = statusOnTick(host.stored.status);
  if (status === host.stored.status) return;
  changeHost(state, host, { status });
  if (recovered) state.changes.log(hostEvent('host_recovered', host, nowMs, {}));
}

function hostEvent(
  kind: NewLogEvent['kind'],
  host: LiveHost,
  atMs: number,
  data: Record<string, unknown>,
): NewLogEvent {
  return { atMs, kind, host: host.stored.name, rolloutId: null, data };
}

function applyChange(
  state: State,
  host: LiveHost,
  change: ContainerChange,
  tick: PackedTick,
  nowMs: number,
  found: LookupCache,
): void {
  switch (change.kind) {
    case 'appeared':
      return appear(state, host, change, tick, nowMs, found);
    case 'changed':
      return alter(state, host, change, tick, nowMs, found);
    case 'returned':
      return mark(state, host, change.containerId, { missingSinceMs: null, removedAtMs: null }, found);
    case 'missing':
      return mark(state, host, change.containerId, { missingSinceMs: change.sinceMs, removedAtMs: null }, found);
    case 'removed': {
      const { absence } = knownContainer(host, change.containerId);
      const marks = { missingSinceMs: absence?.sinceMs ?? null, removedAtMs: change.atMs };
      mark(state, host, change.containerId, marks, found);
      host.containers.delete(change.containerId);
      return;
    }
    default:
      assertNever(change);
  }
}

function knownContainer(host: LiveHost, containerId: string): KnownContainer {
  const known = host.containers.get(containerId);
  invariant(known !== undefined, 'a change must concern a known container');
  return known;
}

/** Adds a container that is new on this host, or restores one that had been removed. */
function appear(
  state: State,
  host: LiveHost,
  { report, fingerprint, turn }: ChangeOf<'appeared'>,
  tick: PackedTick,
  nowMs: number,
  found: LookupCache,
): void {
  const { unhealthy } = nextHealth(false, report.identity.healthStatus);
  const stored = found.get(containerLookup(host, report.containerId));
  const id = stored?.id ?? state.numbers.next('container');
  const container = { id, ...rowOf(host, report, tick, { fingerprint, unhealthy }) };
  state.changes.write({ kind: stored === null ? 'insert_container' : 'save_container', container });
  host.containers.set(report.containerId, { id, fingerprint, unhealthy, absence: null });
  logHealth(state, host, report, turn, nowMs);
}

function alter(
  state: State,
  host: LiveHost,
  { report, fingerprint, unhealthy, turn }: ChangeOf<'changed'>,
  tick: PackedTick,
  nowMs: number,
  found: LookupCache,
): void {
  const { containerId, identity } = report;
  const { id } = knownContainer(host, containerId);
  const before = found.get(containerLookup(host, containerId));
  invariant(before !== null, 'a known container must be stored');
  const container = { id, ...rowOf(host, report, tick, { fingerprint, unhealthy }) };
  state.changes.write({ kind: 'save_container', container });
  host.containers.set(containerId, { id, fingerprint, unhealthy, absence: null });
  const stack = stackOf(identity);
  if (stack !== null && hasRestarted(before.identity, identity))
    noteIncident(host, { atMs: nowMs, stack, containerId, kind: 'restarted' });
  logHealth(state, host, report, turn, nowMs);
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
  { changes }: State,
  host: LiveHost,
  containerId: string,
  marks: { missingSinceMs: number | null; removedAtMs: number | null },
  found: LookupCache,
): void {
  const known = knownContainer(host, containerId);
  const { missingSinceMs: sinceMs } = marks;
  const seenAtMs = lastSeenAtMs(host, known) ?? found.get(containerLookup(host, containerId))?.lastSeenAtMs ?? 0;
  const { id } = known;
  changes.write({ kind: 'mark_container', id, hostId: host.stored.id, containerId, lastSeenAtMs: seenAtMs, ...marks });
  const absence = sinceMs === null ? null : { lastSeenAtMs: seenAtMs, sinceMs };
  host.containers.set(containerId, { ...known, absence });
}

function logHealth({ changes }: State, host: LiveHost, report: ContainerReport, turn: HealthTurn, nowMs: number): void {
  if (turn === null) return;
  const { containerId, identity } = report;
  const stack = stackOf(identity);
  if (stack !== null) noteIncident(host, { atMs: nowMs, stack, containerId, kind: turn });
  const kind = turn === 'unhealthy' ? 'container_unhealthy' : 'container_recovered';
  changes.log(hostEvent(kind, host, nowMs, { container_id: containerId, name: identity.name }));
}
