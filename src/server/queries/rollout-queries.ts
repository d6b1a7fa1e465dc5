/** Reads of releases and rollouts, committed ones only. */
import type { RolloutRequest } from '../../domain/command.ts';
import type {
  PreflightFinding,
  ReleaseView,
  ReplayReport,
  RolloutHostView,
  RolloutPreview,
  RolloutQueries,
  RolloutView,
} from '../../domain/ports.ts';
import type { RolloutEntry, RolloutPlan, WaveCounts } from '../../domain/rollout.ts';
import type { PageRequest, Store, StoredRollout } from '../../domain/store.ts';
import { explainHold } from '../../rollout/explain-hold.ts';
import { findSuperseded } from '../../rollout/find-superseded.ts';
import { sceneOf } from '../../rollout/gates/gate.ts';
import { Rollout, type TimedEntry } from '../../rollout/rollout.ts';
import { findRelease } from '../commands/releases.ts';
import { findRollout, planRollout } from '../commands/rollouts.ts';
import type { World } from '../state/state.ts';
import type { Engine } from '../writer.ts';
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
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get #world(): World {
    return this.#engine.committed();
  }

  releases(): ReleaseView[] {
    const { book } = this.#world;
    return book.releases().map((release) => ({ release, quarantine: book.quarantine(release.stack, release.digest) }));
  }

  release(digest: string): ReleaseView {
    const { book } = this.#world;
    const release = findRelease(book, digest);
    return { release, quarantine: book.quarantine(release.stack, release.digest) };
  }

  manifest(digest: string): Uint8Array {
    const { store, book } = this.#world;
    findRelease(book, digest);
    return store.releases.manifest(digest) ?? new Uint8Array();
  }

  rollouts(page: PageRequest<string>): RolloutView[] {
    return this.#world.store.rollouts.page(page).map((stored) => this.#present(stored));
  }

  rollout(id: string): RolloutView {
    return this.#present(findRollout(this.#world, id));
  }

  #present({ plan, progress }: StoredRollout): RolloutView {
    const version = this.#world.book.release(plan.release)?.version ?? null;
    return { plan, progress, version, counts: addUp(progress.waves) };
  }

  rolloutHosts(id: string, nowMs: number): RolloutHostView[] {
    const world = this.#world;
    const rollout = findRollout(world, id);
    const scene = sceneOf(rollout, world.runner.view, nowMs);
    return [...rollout.hosts.values()].map((part) => {
      const telemetry = this.#engine.judge.look(world, rollout, part, nowMs) ?? part.telemetry;
      return { host: { ...part, telemetry }, heldBy: explainHold(scene, part.name) };
    });
  }

  preview(request: RolloutRequest, nowMs: number): RolloutPreview {
    const world = this.#world;
    const asked = planRollout(world, request, nowMs);
    const superseded = findSuperseded(asked, world.book.rollouts());
    const scene = sceneOf(Rollout.create(asked, nowMs), world.runner.view, nowMs);
    const findings = (name: string): PreflightFinding[] => preflight(world, scene, name, superseded);
    return {
      stack: asked.stack,
      release: asked.release,
      waves: asked.waves.map((names) => names.map((name) => ({ name, findings: findings(name) }))),
      supersedes: superseded.map((rollout) => rollout.plan.id),
    };
  }

  replay(id: string): ReplayReport {
    const { store } = this.#world;
    findRollout(this.#world, id);
    let entries = 0;
    function* read(): Generator<TimedEntry> {
      for (const event of store.events.ofRollout(id)) {
        entries += 1;
        const { atMs, kind, host, data } = event;
        yield { atMs, entry: { kind, ...(host === null ? {} : { host }), ...data } as unknown as RolloutEntry };
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

/** What is not the same byte for byte: `rollout`, or names of hosts. */
function compare(store: Store, { id }: RolloutPlan, folded: Rollout): string[] {
  const differences: string[] = [];
  if (store.rollouts.rawProgress(id) !== JSON.stringify(folded.progress)) differences.push('rollout');
  const rows = new Map<string, string>();
  for (const { host, body } of store.rollouts.rawHosts(id)) rows.set(host, body);
  for (const host of folded.hosts.values()) {
    if (rows.get(host.name) !== JSON.stringify(host)) differences.push(host.name);
    rows.delete(host.name);
  }
  return [...differences, ...rows.keys()];
}
