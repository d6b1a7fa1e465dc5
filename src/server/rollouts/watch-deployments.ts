/** Compares what runs on a host with what rollouts have brought there, and logs where the two part. */
import type { Deployment } from '../../domain/deployment.ts';
import { baselineOf, findDrift, NOTHING_OBSERVED } from '../../telemetry/observe-stacks.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { State } from '../state/state.ts';

/** A tick that arrives this long after a deployment shows what it brought, however long the tick was on its way. */
const SETTLED_AFTER_MS = 5_000;

/** To be called after each live tick with containers. `isSteady`: the tick changed nothing about them. */
export function watchDeployments(state: State, host: LiveHost, isSteady: boolean, nowMs: number): void {
  if (isSteady && !host.awaitsBaseline) return;
  host.awaitsBaseline = false;
  for (const deployment of state.index.deploymentsOf(host.stored.name)) watchDeployment(state, host, deployment, nowMs);
}

function watchDeployment(state: State, host: LiveHost, deployment: Deployment, nowMs: number): void {
  const { stack, release, baseline, drift, sinceMs } = deployment;
  if (release === null) return;
  // While a rollout changes the stack, nothing is as it was; its next step is not drift.
  const isChanging = state.index.occupant(stack, host.stored.name, '') !== null;
  if (isChanging || nowMs - sinceMs < SETTLED_AFTER_MS) {
    host.awaitsBaseline = true;
    return;
  }
  const observed = host.stacks.get(stack) ?? NOTHING_OBSERVED;
  if (baseline === null) return save(state, { ...deployment, baseline: baselineOf(observed) });
  const findings = findDrift(baseline, observed);
  if (findings.join('\n') === (drift?.findings ?? []).join('\n')) return;
  if (findings.length > 0) {
    log(state, 'drift_detected', deployment, nowMs, { findings });
    return save(state, { ...deployment, drift: { sinceMs: drift?.sinceMs ?? nowMs, findings } });
  }
  log(state, 'drift_resolved', deployment, nowMs, {});
  save(state, { ...deployment, drift: null });
}

function save({ index, changes }: State, deployment: Deployment): void {
  if (index.deployment(deployment.stack, deployment.host)?.baseline === null && deployment.baseline === null) return;
  index.putDeployment(deployment);
  changes.write({ kind: 'save_deployment', deployment });
}

function log(
  { changes }: State,
  kind: 'drift_detected' | 'drift_resolved',
  { stack, host, release }: Deployment,
  atMs: number,
  more: Readonly<Record<string, unknown>>,
): void {
  changes.log({ atMs, kind, host, rolloutId: null, data: { stack, release, ...more } });
}
