/** Checks a host before a rollout reaches it: what would hold it back, and what an operator should know. */

import { objectToComposeVersion } from '../../domain/compose-version.ts';
import { RELEASE_LABEL } from '../../domain/container.ts';
import type { Release } from '../../domain/release.ts';
import { type RolloutPlan, soakSecondsOf } from '../../domain/rollout.ts';
import type { PreflightFinding, RolloutPreview } from '../../domain/rollout-queries.ts';
import type { ContainerIdentity } from '../../domain/telemetry.ts';
import { formatSpan, plural, quote } from '../../domain/words.ts';
import type { GateContext } from '../../rollout/gates/gate-context.ts';
import { findHold } from '../../rollout/gates/gates.ts';
import { describeHold, type Hold } from '../../rollout/gates/hold.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { SHORTEST_JUDGED_SOAK_MS } from '../../rollout/telemetry-gate/judge-telemetry.ts';
import { isOneOff, stackOf } from '../../telemetry/container-presence.ts';
import { decodeHostMetrics } from '../../telemetry/sample-codec.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { Attached } from '../state/state.ts';

/** Less free space than this is hardly enough to pull images. */
const LOW_DISK_GB = 2;
/** Gates that open by themselves while the rollout runs: they say nothing about the host. */
const EXPECTED_GATES: ReadonlySet<Hold['gate']> = new Set(['wave', 'ordering', 'budget', 'max_in_flight']);

/** Containers are looked at on this many hosts of a plan: the writer waits meanwhile. */
const MAX_INSPECTED_HOSTS = 2_000;

/** What a rollout would find on each host, wave by wave, and how many hosts' containers were left out. */
export interface Preflight {
  readonly waves: RolloutPreview['waves'];
  readonly uninspected: number;
}

/** `superseded`: rollouts that will have ended by then. One context, of the rollout as it would begin, serves all hosts. */
export function preflight(attached: Attached, context: GateContext, superseded: readonly Rollout[]): Preflight {
  const { plan } = context.rollout;
  let left = MAX_INSPECTED_HOSTS;
  let uninspected = 0;
  const waves = plan.waves.map((names) =>
    names.map((name) => {
      const isInspected = left > 0;
      if (isInspected) left -= 1;
      else uninspected += 1;
      const runs = attached.state.index.deployment(plan.stack, name)?.release ?? null;
      return { name, runs, findings: findingsOn(attached, context, name, superseded, isInspected) };
    }),
  );
  return { waves, uninspected };
}

function findingsOn(
  attached: Attached,
  context: GateContext,
  name: string,
  superseded: readonly Rollout[],
  isInspected: boolean,
): PreflightFinding[] {
  const asked = context.rollout.plan;
  const findings: PreflightFinding[] = [];
  const hold = findHold(context, name);
  if (hold !== null && !EXPECTED_GATES.has(hold.gate)) {
    findings.push({ severity: 'hold', message: describeHold(hold) });
  }
  for (const rollout of superseded) {
    if (rollout.host(name) !== undefined) {
      findings.push({ severity: 'warning', message: `ends rollout ${rollout.plan.id} of ${rollout.plan.stack} here` });
    }
  }
  const host = attached.state.fleet.hostByName(name);
  if (host !== undefined) findings.push(...judgeHost(attached, asked, host, isInspected));
  return findings;
}

/** What an operator should know of the rollout as a whole. */
export function notesOn(asked: RolloutPlan, uninspected: number): string[] {
  return [...soakNotes(asked), ...uninspectedNotes(uninspected)];
}

function uninspectedNotes(count: number): string[] {
  if (count === 0) return [];
  return [
    `Of ${plural(count, 'host')}, the containers were not looked at: a plan looks at those of its first ${MAX_INSPECTED_HOSTS}.`,
  ];
}

function soakNotes(asked: RolloutPlan): string[] {
  const soakSeconds = Math.min(...asked.waves.map((_, wave) => soakSecondsOf(asked, wave)));
  const { mode } = asked.policy.telemetry;
  if (mode === 'off' || soakSeconds * 1000 >= SHORTEST_JUDGED_SOAK_MS) return [];
  const end = mode === 'required' ? 'hosts soak until then, as the release requires it' : 'hosts converge without that';
  const needed = formatSpan(SHORTEST_JUDGED_SOAK_MS / 1000);
  return [`A soak of ${formatSpan(soakSeconds)} is too short to judge memory, which takes ${needed}: ${end}.`];
}

function judgeHost(attached: Attached, asked: RolloutPlan, host: LiveHost, isInspected: boolean): PreflightFinding[] {
  const findings: PreflightFinding[] = [];
  const add = (severity: PreflightFinding['severity'], message: string) => void findings.push({ severity, message });
  for (const message of objectToAgent(host)) add('hold', message);
  const metrics = host.latest === null ? null : decodeHostMetrics(host.latest.sample);
  if (metrics !== null && metrics.disk_used_gb !== null && metrics.disk_total_gb !== null) {
    const freeGb = metrics.disk_total_gb - metrics.disk_used_gb;
    if (freeGb < LOW_DISK_GB) add('warning', `only ${freeGb} GiB of its disk are free`);
  }
  if (host.latest !== null && host.stored.facts.dockerVersion === null)
    add('warning', 'its agent has never seen a Docker Engine');
  if (!isInspected) return findings;
  const containers = [...presentContainers(attached, host)];
  const foreign = findForeign(attached, asked, host, containers);
  if (foreign !== null) add('hold', foreign);
  const others = containers.filter((container) => stackOf(container) !== asked.stack);
  for (const message of takenBy(attached.state.index.release(asked.release), others)) add('warning', message);
  return findings;
}

/** Why its agent would not take the release up. One that says nothing of itself is given the benefit of the doubt. */
function objectToAgent({ stored: { agent } }: LiveHost): string[] {
  if (agent === null) return [];
  if (!agent.capabilities.includes('rollouts')) {
    return ['its agent takes no releases: start it with --rollouts (NEXUS_AGENT_ROLLOUTS=1)'];
  }
  if (agent.composeVersion === null) {
    return ['it has no Docker Compose: install the Compose plugin (v2) of the Docker CLI there'];
  }
  const objection = objectToComposeVersion(agent.composeVersion);
  return objection === null ? [] : [objection];
}

/** What its latest report lists. */
function* presentContainers({ store }: Attached, host: LiveHost): Generator<ContainerIdentity> {
  for (const [containerId, { absence }] of host.containers) {
    const stored = absence === null ? store.containers.find(host.stored.id, containerId) : undefined;
    if (stored !== undefined) yield stored.identity;
  }
}

/** A project of that name that Nexus has not deployed: no agent takes it over. */
function findForeign(
  { state }: Attached,
  { stack }: RolloutPlan,
  host: LiveHost,
  containers: readonly ContainerIdentity[],
): string | null {
  // Where there is no room for all labels, the one of the release may be missing.
  if ((state.index.deployment(stack, host.stored.name)?.release ?? null) !== null) return null;
  const [first, ...others] = containers
    .filter((container) => stackOf(container) === stack && !isOneOff(container))
    .filter(({ labels }) => labels[RELEASE_LABEL] === undefined)
    .map(({ name }) => name)
    .sort();
  if (first === undefined) return null;
  const more = others.length === 0 ? '' : ` and ${plural(others.length, 'other')}`;
  return `a project ${quote(stack)} that Nexus has not deployed runs there (container ${quote(first)}${more})`;
}

/** Names and ports that the release wants and that containers of other stacks have. */
function takenBy(release: Release | undefined, others: readonly ContainerIdentity[]): string[] {
  const ports = new Set(release?.publishedPorts ?? []);
  const names = new Set(release?.containerNames ?? []);
  const taken = new Set<string>();
  for (const container of others) {
    if (names.has(container.name)) {
      taken.add(`the name ${quote(container.name)} is taken by a container of ${stackName(container)}`);
    }
    for (const text of container.ports) {
      const port = /(?:^|:)(\d+)->/.exec(text)?.[1];
      if (port !== undefined && ports.has(Number(port)))
        taken.add(`port ${port} is taken by the container ${container.name}`);
    }
  }
  return [...taken];
}

function stackName(container: ContainerIdentity): string {
  const stack = stackOf(container);
  return stack === null ? 'no stack' : `the stack ${quote(stack)}`;
}
