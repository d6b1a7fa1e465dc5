import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostStatus } from '../../src/domain/host.ts';
import { hasGoneSilent, statusOnTick } from '../../src/telemetry/host-status.ts';

const ON_TICK: ReadonlyArray<readonly [status: HostStatus, next: HostStatus, recovered: boolean]> = [
  ['pending', 'online', false],
  ['online', 'online', false],
  ['offline', 'online', true],
  ['degraded', 'degraded', false],
  ['archived', 'archived', false],
];

for (const [status, next, recovered] of ON_TICK) {
  test(`a tick makes ${status} ${next}${recovered ? ', and tells of it' : ''}`, () => {
    assert.deepEqual(statusOnTick(status), { status: next, recovered });
  });
}

const SECOND = 1000;

interface SilenceRow {
  readonly name: string;
  readonly status: HostStatus;
  readonly lastSeenAtMs: number | null;
  readonly listeningSinceMs: number;
  readonly nowMs: number;
  readonly silent: boolean;
}

const SILENCE: readonly SilenceRow[] = [
  {
    name: '119 s',
    status: 'online',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 1_119 * SECOND,
    silent: false,
  },
  {
    name: '120 s less a millisecond',
    status: 'online',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 1_120 * SECOND - 1,
    silent: false,
  },
  {
    name: '120 s',
    status: 'online',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 1_120 * SECOND,
    silent: true,
  },
  {
    name: 'a degraded host for 120 s',
    status: 'degraded',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 1_120 * SECOND,
    silent: true,
  },
  {
    name: 'a pending host for ever',
    status: 'pending',
    lastSeenAtMs: null,
    listeningSinceMs: 0,
    nowMs: 9_999_999 * SECOND,
    silent: false,
  },
  {
    name: 'an offline host for ever',
    status: 'offline',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 9_999_999 * SECOND,
    silent: false,
  },
  {
    name: 'an archived host for ever',
    status: 'archived',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 9_999_999 * SECOND,
    silent: false,
  },
  {
    name: 'an hour of which the server listened for 119 s',
    status: 'online',
    lastSeenAtMs: 0,
    listeningSinceMs: 3_600 * SECOND,
    nowMs: 3_719 * SECOND,
    silent: false,
  },
  {
    name: 'an hour of which the server listened for 120 s',
    status: 'online',
    lastSeenAtMs: 0,
    listeningSinceMs: 3_600 * SECOND,
    nowMs: 3_720 * SECOND,
    silent: true,
  },
  {
    name: '120 s of listening to a host never seen',
    status: 'online',
    lastSeenAtMs: null,
    listeningSinceMs: 1_000 * SECOND,
    nowMs: 1_120 * SECOND,
    silent: true,
  },
  {
    name: 'a clock that went back',
    status: 'online',
    lastSeenAtMs: 1_000 * SECOND,
    listeningSinceMs: 0,
    nowMs: 500 * SECOND,
    silent: false,
  },
];

for (const { name, silent, listeningSinceMs, nowMs, ...host } of SILENCE) {
  test(`${name}: ${silent ? 'silent' : 'not silent'}`, () => {
    assert.equal(hasGoneSilent({ ...host, offlineAfterSeconds: 120 }, listeningSinceMs, nowMs), silent);
  });
}
