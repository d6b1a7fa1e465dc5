import type { ContainerMetrics } from '../../../src/domain/telemetry.ts';
import type { ContainerReading } from '../../docker/container-reading.ts';
import type { ContainerView } from '../../docker/container-view.ts';
import type { ContainerFileReader, ContainerFiles } from './container-files.ts';
import { measureContainer } from './measure-container.ts';

/** The state that is kept for one container between ticks. */
interface Watched {
  readonly view: ContainerView;
  /** Null: the engine has to be asked. */
  readonly files: ContainerFiles | null;
  previous: ContainerReading | null;
}

/** Asks the engine for one container's counters; null when it has none. */
export type ReadStats = (view: ContainerView) => Promise<ContainerReading | null>;

export interface ContainerSamples {
  /** By container id; only containers that run and could be measured. */
  readonly metrics: ReadonlyMap<string, ContainerMetrics>;
  /** Containers said to run whose counters were not where they had been. */
  readonly lost: readonly string[];
  /** How many were measured by asking the engine. */
  readonly asked: number;
}

/** Whether it is the same process of the same container, so that its counters have gone on. */
function isSameRun(a: ContainerView, b: ContainerView): boolean {
  return a.pid === b.pid && a.identity.startedAt === b.identity.startedAt;
}

/** Measures running containers: by the kernel's files where they can be seen, by the engine's stats where not. */
export class ContainerSampler {
  readonly #files: ContainerFileReader;
  readonly #clockNs: () => number;
  readonly #watched = new Map<string, Watched>();

  /** `clockNs`: a monotonic clock. */
  constructor(files: ContainerFileReader, clockNs: () => number) {
    this.#files = files;
    this.#clockNs = clockNs;
  }

  /** Finds a container's counters and reads them once, so that the next tick has a start to measure from. */
  watch(view: ContainerView): void {
    if (view.pid === 0) {
      this.#watched.delete(view.id);
      return;
    }
    const known = this.#watched.get(view.id);
    const files = this.#files.locate(view);
    const sameSource = known !== undefined && (known.files === null) === (files === null);
    if (sameSource && isSameRun(known.view, view)) {
      this.#watched.set(view.id, { view, files, previous: known.previous });
      return;
    }
    const previous = files === null ? null : this.#files.read(files, this.#clockNs());
    this.#watched.set(view.id, { view, files, previous });
  }

  /**
   * Measures `views`. `readStats` is asked only for containers without files, all at once; those it has not answered
   * when `late` resolves stay unmeasured in this tick. `hostMemoryBytes` is the limit of containers without one.
   */
  async sample(
    views: readonly ContainerView[],
    readStats: ReadStats | null,
    late: Promise<unknown>,
    hostMemoryBytes: number | null,
  ): Promise<ContainerSamples> {
    const metrics = new Map<string, ContainerMetrics>();
    const lost: string[] = [];
    const asking: Promise<void>[] = [];
    const take = (watched: Watched, reading: ContainerReading | null): void => {
      if (reading === null) {
        lost.push(watched.view.id);
        return;
      }
      metrics.set(watched.view.id, measureContainer(watched.previous, reading, hostMemoryBytes));
      watched.previous = reading;
    };

    for (const view of views) {
      const watched = view.pid > 0 ? this.#watched.get(view.id) : undefined;
      if (watched === undefined) continue;
      if (watched.files !== null) take(watched, this.#files.read(watched.files, this.#clockNs()));
      else if (readStats !== null) {
        // The engine's follower notices and logs an engine that fails.
        asking.push(
          readStats(view)
            .then((reading) => take(watched, reading))
            .catch(() => {}),
        );
      }
    }
    if (asking.length > 0) await Promise.race([Promise.all(asking), late]);
    this.#forgetOthers(views);
    return { metrics: new Map(metrics), lost: [...lost], asked: asking.length };
  }

  /** The first reading of containers that only the engine can measure. */
  async prime(readStats: ReadStats, late: Promise<unknown>): Promise<void> {
    const unread = [...this.#watched.values()].filter(({ files, previous }) => files === null && previous === null);
    const asking = unread.map((watched) =>
      readStats(watched.view).then(
        (reading) => {
          watched.previous ??= reading;
        },
        () => {},
      ),
    );
    if (asking.length > 0) await Promise.race([Promise.all(asking), late]);
  }

  #forgetOthers(views: readonly ContainerView[]): void {
    if (this.#watched.size <= views.length) return;
    const present = new Set(views.map(({ id }) => id));
    for (const id of this.#watched.keys()) if (!present.has(id)) this.#watched.delete(id);
  }
}
