/** What a rollout has to come to, and how an engine and the server are held to it. */
import assert from 'node:assert/strict';
import type { HostState } from '../../../src/domain/rollout.ts';
import type { QuarantineBody } from '../../../src/wire/release.ts';
import type { RolloutBody } from '../../../src/wire/rollout.ts';
import { expectedLines, type ServiceTraits, seenLines } from './compose-project.ts';
import type { SeenContainer } from './project-containers.ts';

export interface ExpectedRelease {
  readonly stack: string;
  readonly version: string;
  readonly services: Readonly<Record<string, ServiceTraits>>;
}

/** What a rollout has to come to. Lists are in the order of the hosts that it was created with. */
export interface Outcome extends OutcomeDetails {
  readonly rollout: RolloutBody['state'];
  readonly hosts: readonly HostState[];
  /** On every host, or on each: what the engine runs, whole and alone; null: nothing. */
  readonly runs: ExpectedRelease | null | readonly (ExpectedRelease | null)[];
  /** False: the release may go to other hosts. Else the probes that failed, or what the evidence says. */
  readonly quarantine: false | readonly string[] | RegExp;
}

export interface OutcomeDetails {
  /** What `nexus rollout explain` says beside what it says of every host in such a state. */
  readonly explain?: RegExp | readonly RegExp[];
  /** Services whose containers are the ones from before the rollout, on every host. */
  readonly kept?: 'all' | readonly string[];
  /** Services whose containers are other ones than before. */
  readonly replaced?: readonly string[];
}

/** `names`: of the hosts, in the order of the outcome's. */
export function hasCome({ state, hosts }: RolloutBody, names: readonly string[], outcome: Outcome): boolean {
  const states = names.map((name) => hosts.find((host) => host.name === name)?.state);
  return state === outcome.rollout && states.join() === outcome.hosts.join();
}

/** Nothing more is to come of it, so there is nothing to wait for. A host that failed may still go back. */
export function hasSettled({ state, counts, hosts }: RolloutBody): boolean {
  if (state === 'active' || state === 'paused') return false;
  return counts.in_flight === 0 && hosts.every((host) => host.state !== 'failed');
}

export function describeWanted({ rollout, hosts }: Outcome): string {
  return `the rollout to be ${rollout}, its hosts ${hosts.join(', ')}`;
}

export function describeRollout({ stack, version, state, hosts }: RolloutBody): string {
  const words = hosts.map(({ name, state: at, held_by, failure }) => {
    const hold = held_by === null ? '' : ` (held by ${held_by.gate}: ${held_by.reason})`;
    const evidence = failure === null ? '' : ` (${failure.failing_probes.join(', ')}: ${failure.output.slice(-300)})`;
    return `${name} is ${at}${hold}${evidence}`;
  });
  return `${stack} ${version} is ${state}; ${words.join('; ')}`;
}

/** What `explain` has to say of a host that came to this end: the one place that knows its standing words. */
export function standingWords(
  host: string,
  state: HostState | undefined,
  release: ExpectedRelease,
  runs: ExpectedRelease | null,
): RegExp {
  const name = literal(`${release.stack} ${release.version}`);
  switch (state) {
    case 'converged':
      return new RegExp(`^${host} converged (?:just now|.* ago): it runs ${name} `, 'm');
    case 'reverted': {
      const back = runs === null ? '.*it runs nothing now' : ` to ${literal(`${runs.stack} ${runs.version}`)} `;
      return new RegExp(`^${host} failed on ${name} .*was rolled back${back}`, 'm');
    }
    case 'failed':
      return new RegExp(`^${host} failed on ${name} `, 'm');
    default:
      return new RegExp(`^.*\\b${host}\\b`, 'm');
  }
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What the host of this place has to run. */
export function releaseOn({ runs }: Outcome, index: number): ExpectedRelease | null {
  return isList(runs) ? (runs[index] ?? null) : runs;
}

export function requireRelease(host: string, seen: readonly SeenContainer[], release: ExpectedRelease | null): void {
  const expected = release === null ? [] : expectedLines(release.services);
  const what = release === null ? 'nothing' : `release ${release.version}`;
  assert.deepEqual(seenLines(seen), expected, `${host} runs ${what}`);
}

/** Containers by service: the same ones as before, or other ones. */
export function requireKept(
  host: string,
  before: readonly SeenContainer[],
  after: readonly SeenContainer[],
  { kept = [], replaced = [] }: Pick<Outcome, 'kept' | 'replaced'>,
): void {
  if (kept === 'all') {
    assert.deepEqual(idsOf(after), idsOf(before), `${host} has the containers that it had`);
    return;
  }
  for (const service of kept) {
    assert.deepEqual(idsOf(after, service), idsOf(before, service), `${host} keeps the containers of '${service}'`);
  }
  for (const service of replaced) {
    const old = new Set(idsOf(before, service));
    const now = idsOf(after, service);
    assert.ok(now.length > 0, `${host} has containers of '${service}'`);
    assert.deepEqual(
      now.filter((id) => old.has(id)),
      [],
      `${host} has other containers of '${service}'`,
    );
  }
}

export function requireEvidence(
  version: string,
  quarantine: QuarantineBody | null,
  expected: Outcome['quarantine'],
): void {
  if (expected === false) {
    assert.equal(quarantine, null, `release ${version} is not quarantined`);
    return;
  }
  assert.ok(quarantine !== null, `release ${version} is quarantined`);
  if (expected instanceof RegExp) assert.match(quarantine.output, expected);
  else assert.deepEqual(quarantine.failing_probes, expected);
}

function idsOf(containers: readonly SeenContainer[], service?: string): string[] {
  return containers
    .filter((container) => service === undefined || container.service === service)
    .map(({ id, name }) => `${name} ${id}`)
    .sort();
}

function isList(runs: Outcome['runs']): runs is readonly (ExpectedRelease | null)[] {
  return Array.isArray(runs);
}
