/** Reads of releases and rollouts, committed ones only. */
import type { RolloutRequest } from '../../domain/command.ts';
import type { RolloutPlan, WaveCounts } from '../../domain/rollout.ts';
import type {
  HeldBy,
  PreflightFinding,
  ReleaseView,
  ReplayReport,
  RolloutHostView,
  RolloutPreview,
  RolloutQueries,
  RolloutView,
} from '../../domain/rollout-queries.ts';
import type { PageRequest, Store, StoredRollout } from '../../domain/store.ts';
import { findSuperseded } from '../../rollout/find-superseded.ts';
import { type GateContext, gateContextOf } from '../../rollout/gates/gate-context.ts';
import { findHold } from '../../rollout/gates/gates.ts';
import { describeHold } from '../../rollout/gates/hold.ts';
import { Rollout, type TimedEntry } from '../../rollout/rollout.ts';
import { entryOf } from '../../rollout/stored-entry.ts';
import { HOST_ROW, PROGRESS_ROW } from '../../rollout/stored-rows.ts';
import { findRelease } from '../commands/releases.ts';
import { findRollout, planRollout } from '../commands/rollouts.ts';
import type { State } from '../state/state.ts';
import type { Writer } from '../writer.ts';
import { preflight } from './preflight.ts';

const BUCKETS = ['pending', 'inFlight', 'converged', 'failed', 'left'] as const satisfies ReadonlyArray<
  keyof WaveCounts
>;
const MAX_DIFFERENCES = 100;

function addUp(waves: readonly WaveCounts[]): WaveCounts {
  const sums = { pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0 };
  for (const counts of waves) for (const bucket of BUCKETS) sums[bucket] += counts[bucket];
  return sums;
}

export class RolloutReader implements RolloutQueries {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  get #state(): State {
    return this.#writer.committed();
  }

  releases(): ReleaseView[] {
    const { index } = this.#state;
    return index
      .releases()
      .map((release) => ({ release, quarantine: index.quarantine(release.stack, release.digest) }));
  }

  release(digest: string): ReleaseView {
    const { index } = this.#state;
    const release = findRelease(index, digest);
    return { release, quarantine: index.quarantine(release.stack, release.digest) };
  }

  manifest(digest: string): Uint8Array {
    const { store, index } = this.#state;
    findRelease(index, digest);
    return store.releases.manifest(digest) ?? new Uint8Array();
  }

  rollouts(page: PageRequest<string>): RolloutView[] {
    return this.#state.store.rollouts.page(page).map((stored) => this.#present(stored));
  }

  rollout(id: string): RolloutView {
    return this.#present(findRollout(this.#state, id));
  }

  #present({ plan, progress }: StoredRollout): RolloutView {
    const version = this.#state.index.release(plan.release)?.version ?? null;
    return { plan, progress, version, counts: addUp(progress.waves) };
  }

  rolloutHosts(id: string, nowMs: number): RolloutHostView[] {
    const state = this.#state;
    const rollout = findRollout(state, id);
    const context = gateContextOf(rollout, state.driver.view, nowMs);
    return [...rollout.hosts.values()].map((part) => {
      const telemetry = this.#writer.judge.look(state, rollout, part, nowMs) ?? part.telemetry;
      return { host: { ...part, telemetry }, heldBy: heldBy(context, part.name) };
    });
  }

  preview(request: RolloutRequest, nowMs: number): RolloutPreview {
    const state = this.#state;
    const asked = planRollout(state, request, nowMs);
    const superseded = findSuperseded(asked, state.index.rollouts());
    const context = gateContextOf(Rollout.create(asked, nowMs), state.driver.view, nowMs);
    const findings = (name: string): PreflightFinding[] => preflight(state, context, name, superseded);
    return {
      stack: asked.stack,
      release: asked.release,
      waves: asked.waves.map((names) => names.map((name) => ({ name, findings: findings(name) }))),
      supersedes: superseded.map((rollout) => rollout.plan.id),
    };
  }

  replay(id: string): ReplayReport {
    const { store } = this.#state;
    findRollout(this.#state, id);
    let entries = 0;
    function* read(): Generator<TimedEntry> {
      for (const event of store.events.ofRollout(id)) {
        entries += 1;
        yield { atMs: event.atMs, entry: entryOf(event) };
      }
    }
    const folded = Rollout.replay(read());
    const differences = compare(store, folded.plan, folded);
    return {
      equal: differences.length === 0,
      entries,
      hosts: folded.hosts.size,
      differences: differences.slice(0, MAX_DIFFERENCES),
    };
  }
}

function heldBy(context: GateContext, name: string): HeldBy | null {
  const hold = findHold(context, name);
  return hold === null ? null : { gate: hold.gate, reason: describeHold(hold) };
}

/** What is not the same byte for byte: `rollout`, or names of hosts. */
function compare(store: Store, { id }: RolloutPlan, folded: Rollout): string[] {
  const differences: string[] = [];
  const progress = store.rollouts.rawProgress(id);
  if (progress === undefined || !PROGRESS_ROW.isRowOf(progress, folded.progress)) differences.push('rollout');
  const rows = new Map<string, string>();
  for (const { host, body } of store.rollouts.rawHosts(id)) rows.set(host, body);
  for (const host of folded.hosts.values()) {
    const row = rows.get(host.name);
    if (row === undefined || !HOST_ROW.isRowOf(row, host)) differences.push(host.name);
    rows.delete(host.name);
  }
  return [...differences, ...rows.keys()];
}
