/** Reads of releases and rollouts. */
import { type Budget, isOfBudget } from '../../domain/budget.ts';
import type { RolloutRequest } from '../../domain/command.ts';
import type { Read } from '../../domain/ports.ts';
import type { StoredRollout } from '../../domain/records.ts';
import type { RolloutHost, WaveCounts } from '../../domain/rollout.ts';
import { isRolloutEntryKind } from '../../domain/rollout.ts';
import type {
  BudgetView,
  HeldBy,
  ReleaseView,
  ReplayReport,
  RolloutHostView,
  RolloutPreview,
  RolloutQueries,
  RolloutView,
} from '../../domain/rollout-queries.ts';
import type { PageRequest } from '../../domain/store.ts';
import { findSuperseded } from '../../rollout/find-superseded.ts';
import type { FleetView } from '../../rollout/fleet-view.ts';
import { type GateContext, gateContextOf } from '../../rollout/gates/gate-context.ts';
import { findHold } from '../../rollout/gates/gates.ts';
import { describeHold } from '../../rollout/gates/hold.ts';
import { occupies } from '../../rollout/host-bucket.ts';
import { Rollout, type TimedEntry } from '../../rollout/rollout.ts';
import { entryOf } from '../../rollout/stored-entry.ts';
import { findBudget } from '../commands/budgets.ts';
import { findRelease } from '../commands/releases.ts';
import { findRollout, planRollout } from '../commands/rollouts.ts';
import type { Attached, State } from '../state/state.ts';
import type { Writer } from '../writer.ts';
import { notesOn, preflight } from './preflight.ts';

const BUCKETS = ['pending', 'inFlight', 'converged', 'failed', 'left'] as const satisfies ReadonlyArray<
  keyof WaveCounts
>;
const MAX_DIFFERENCES = 100;

function addUp(waves: readonly WaveCounts[]): WaveCounts {
  const sums = { pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0 };
  for (const counts of waves) for (const bucket of BUCKETS) sums[bucket] += counts[bucket];
  return sums;
}

/** Answers from memory and the store; every answer leaves only after what was read is committed. */
export class CommittedRolloutQueries implements RolloutQueries {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  releases(): Read<ReleaseView[]> {
    return this.#writer.read(({ state: { index } }) =>
      index.releases().map((release) => ({ release, quarantine: index.quarantine(release.stack, release.digest) })),
    );
  }

  release(digest: string): Read<ReleaseView> {
    return this.#writer.read(({ state: { index } }) => {
      const release = findRelease(index, digest);
      return { release, quarantine: index.quarantine(release.stack, release.digest) };
    });
  }

  manifest(digest: string): Read<Uint8Array> {
    return this.#writer.read(({ state: { index }, store }) => {
      findRelease(index, digest);
      return store.releases.manifest(digest) ?? new Uint8Array();
    });
  }

  budgets(): Read<BudgetView[]> {
    return this.#writer.read(({ state }) => [...state.index.budgets()].map((budget) => presentBudget(state, budget)));
  }

  budget(label: string, value: string): Read<BudgetView> {
    return this.#writer.read(({ state }) => presentBudget(state, findBudget(state.index, label, value)));
  }

  rollouts(page: PageRequest<string>): Read<RolloutView[]> {
    return this.#writer.read(({ state, store }) => store.rollouts.page(page).map((stored) => present(state, stored)));
  }

  rollout(id: string): Read<RolloutView> {
    return this.#writer.read((attached) => present(attached.state, find(attached, id)));
  }

  rolloutHosts(id: string, nowMs: number): Read<RolloutHostView[]> {
    return this.#writer.read((attached) => {
      const { driver, judge } = attached.state;
      const rollout = find(attached, id);
      const context = gateContextOf(rollout, driver.view, nowMs);
      return [...rollout.hosts.values()].map((part) => {
        const telemetry = judge.verdictOn(rollout, part) ?? part.telemetry;
        return {
          host: { ...part, telemetry },
          heldBy: heldBy(context, part.name),
          offlineSinceMs: offlineSince(context, part),
        };
      });
    });
  }

  preview(request: RolloutRequest, nowMs: number): Read<RolloutPreview> {
    return this.#writer.read((attached) => {
      const { index, driver } = attached.state;
      const asked = planRollout(attached.state, request, 0, nowMs);
      const superseded = findSuperseded(asked, index.rollouts());
      const view = withoutRollouts(driver.view, superseded);
      const context = gateContextOf(Rollout.create(asked, nowMs), view, nowMs);
      const { waves, uninspected } = preflight(attached, context, superseded);
      return {
        stack: asked.stack,
        release: asked.release,
        waves,
        supersedes: superseded.map((rollout) => rollout.plan.id),
        notes: notesOn(asked, uninspected),
      };
    });
  }

  replay(id: string): Read<ReplayReport> {
    return this.#writer.read((attached) => {
      const { store } = attached;
      find(attached, id);
      let entries = 0;
      function* read(): Generator<TimedEntry> {
        for (const event of store.events.ofRollout(id)) {
          if (!isRolloutEntryKind(event.kind)) continue;
          entries += 1;
          yield { atMs: event.atMs, entry: entryOf(event) };
        }
      }
      const folded = Rollout.replay(read());
      const differences = store.rollouts.differences(folded.toRows());
      return {
        equal: differences.length === 0,
        entries,
        hosts: folded.hosts.size,
        differences: differences.slice(0, MAX_DIFFERENCES),
      };
    });
  }
}

function presentBudget({ fleet, index }: State, budget: Budget): BudgetView {
  const changing = new Set(index.changing());
  const isOf = (name: string): boolean => isOfBudget(budget, fleet.hostByName(name)?.stored.labels ?? {});
  return { budget, changing: [...changing].filter(isOf).sort() };
}

/** The fleet once these rollouts have ended: they finish with a host soon, or yield it at once. */
function withoutRollouts(view: FleetView, ended: readonly Rollout[]): FleetView {
  const ids = new Set(ended.map(({ plan }) => plan.id));
  return {
    ...view,
    occupant: (stack, host, except) => {
      const occupant = view.occupant(stack, host, except);
      return occupant !== null && ids.has(occupant) ? null : occupant;
    },
  };
}

/** Throws `not_found`. */
function find({ state, store }: Attached, id: string): Rollout {
  return findRollout(state, id, (rolloutId) => store.rollouts.find(rolloutId));
}

function present({ index }: State, { plan, progress }: StoredRollout): RolloutView {
  const version = index.release(plan.release)?.version ?? null;
  return { plan, progress, version, counts: addUp(progress.waves) };
}

function heldBy(context: GateContext, name: string): HeldBy | null {
  const hold = findHold(context, name);
  return hold === null ? null : { gate: hold.gate, reason: describeHold(hold) };
}

function offlineSince({ rollout, fleet }: GateContext, host: RolloutHost): number | null {
  const known = fleet.host(host.name);
  return known?.status === 'offline' && occupies(rollout.plan, host) ? known.lastSeenAtMs : null;
}
