/** Checks a host before a rollout reaches it: what would hold it back, and what an operator should know. */

import { type RolloutPlan, soakSecondsOf } from '../../domain/rollout.ts';
import type { PreflightFinding } from '../../domain/rollout-queries.ts';
import { formatSpan } from '../../domain/words.ts';
import type { GateContext } from '../../rollout/gates/gate-context.ts';
import { findHold } from '../../rollout/gates/gates.ts';
import { describeHold, type Hold } from '../../rollout/gates/hold.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { SHORTEST_JUDGED_SOAK_MS } from '../../rollout/telemetry-gate/judge-telemetry.ts';
import { stackOf } from '../../telemetry/container-presence.ts';
import { decodeHostMetrics } from '../../telemetry/sample-codec.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { Attached } from '../state/state.ts';

/** Less free space than this is hardly enough to pull images. */
const LOW_DISK_GB = 2;
/** Gates that open by themselves while the rollout runs: they say nothing about the host. */
const EXPECTED_GATES: ReadonlySet<Hold['gate']> = new Set(['wave', 'ordering', 'budget', 'max_in_flight']);

/** `superseded`: rollouts that will have ended by then. One context, of the rollout as it would begin, serves all hosts. */
export function preflight(
  attached: Attached,
  context: GateContext,
  name: string,
  superseded: readonly Rollout[],
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
  if (host !== undefined) findings.push(...judgeHost(attached, asked, host));
  return findings;
}

/** What an operator should know of the rollout as a whole. */
export function notesOn(asked: RolloutPlan): string[] {
  const soakSeconds = Math.min(...asked.waves.map((_, wave) => soakSecondsOf(asked, wave)));
  const { mode } = asked.policy.telemetry;
  if (mode === 'off' || soakSeconds * 1000 >= SHORTEST_JUDGED_SOAK_MS) return [];
  const end = mode === 'required' ? 'hosts soak until then, as the release requires it' : 'hosts converge without that';
  const needed = formatSpan(SHORTEST_JUDGED_SOAK_MS / 1000);
  return [`A soak of ${formatSpan(soakSeconds)} is too short to judge memory, which takes ${needed}: ${end}.`];
}

function judgeHost(attached: Attached, asked: RolloutPlan, host: LiveHost): PreflightFinding[] {
  const findings: PreflightFinding[] = [];
  const warn = (message: string) => void findings.push({ severity: 'warning', message });
  const metrics = host.latest === null ? null : decodeHostMetrics(host.latest.sample);
  if (metrics !== null && metrics.disk_used_gb !== null && metrics.disk_total_gb !== null) {
    const freeGb = metrics.disk_total_gb - metrics.disk_used_gb;
    if (freeGb < LOW_DISK_GB) warn(`only ${freeGb} GiB of its disk are free`);
  }
  if (host.latest !== null && host.stored.facts.dockerVersion === null)
    warn('its agent has never seen a Docker Engine');
  for (const message of takenPorts(attached, asked, host)) warn(message);
  return findings;
}

/** Ports that the release publishes and that a container of another stack holds already. */
function takenPorts({ state, store }: Attached, asked: RolloutPlan, host: LiveHost): string[] {
  const wanted = new Set(state.index.release(asked.release)?.publishedPorts ?? []);
  if (wanted.size === 0) return [];
  const taken: string[] = [];
  for (const [containerId, known] of host.containers) {
    const stored = known.absence === null ? store.containers.find(host.stored.id, containerId) : undefined;
    if (stored === undefined || stackOf(stored.identity) === asked.stack) continue;
    for (const text of stored.identity.ports) {
      const port = /(?:^|:)(\d+)->/.exec(text)?.[1];
      if (port !== undefined && wanted.has(Number(port)))
        taken.push(`port ${port} is taken by the container ${stored.identity.name}`);
    }
  }
  return [...new Set(taken)];
}
