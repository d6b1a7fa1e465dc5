/** Nothing that is remembered grows without a bound: what each part may hold once everything has come to rest. */
import assert from 'node:assert/strict';
import { STACKS_FOLDER } from '../host/agent-life.ts';
import type { SimulatedHost } from '../host/simulated-host.ts';
import type { World } from '../world.ts';

const BOUNDS = {
  /** Requests of one host: a poll, and one of each kind beside it. */
  requestsOfHost: 4,
  /** Timers of an agent without stacks, and of each stack. */
  agentTimers: 8,
  stackTimers: 4,
  /** Timers of a server without polls. */
  serverTimers: 12,
  /** Releases of one stack on a host: what runs, what ran before, and one that is on its way. */
  releasesOfStack: 3,
  /** Bytes of a stack's record with nothing on its way. */
  recordBytes: 4_096,
} as const;

export function checkBounds(world: World): void {
  const { hosts, network, server } = world;
  assertAtMost(network.underWay, BOUNDS.requestsOfHost * hosts.length, 'requests under way');
  const serverTimers = server.process?.timerCount ?? 0;
  assertAtMost(serverTimers, BOUNDS.serverTimers + hosts.length * BOUNDS.requestsOfHost, 'timers of the server');
  for (const host of hosts) checkHost(host);
}

function checkHost({ name, disk, agentProcess }: SimulatedHost): void {
  const stacks = disk.exists(STACKS_FOLDER) ? disk.list(STACKS_FOLDER) : [];
  const timers = BOUNDS.agentTimers + stacks.length * BOUNDS.stackTimers;
  assertAtMost(agentProcess?.timerCount ?? 0, timers, `timers of the agent on ${name}`);
  for (const stack of stacks) {
    const folder = `${STACKS_FOLDER}/${stack}`;
    const releases = disk.exists(`${folder}/releases`) ? disk.list(`${folder}/releases`) : [];
    assertAtMost(releases.length, BOUNDS.releasesOfStack, `releases of ${stack} kept on ${name}`);
    const record = `${folder}/stack.json`;
    if (disk.exists(record))
      assertAtMost(disk.peek(record).length, BOUNDS.recordBytes, `bytes of ${record} on ${name}`);
  }
}

function assertAtMost(actual: number, most: number, what: string): void {
  assert(actual <= most, `${actual} ${what}, and ${most} are the bound`);
}
