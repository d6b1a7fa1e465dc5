import type { ClockReading } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';

/** One run of a container, from one start to the next. */
export interface Run {
  readonly restartCount: number;
  /** The engine's own reading of the wall clock, which only tells one run from another. */
  readonly startedAtMs: number | null;
  /** When this process first saw it, which is at most one observation after it began. */
  readonly seenSince: ClockReading;
}

/** By container id. */
export type Runs = ReadonlyMap<string, Run>;

/** Takes in what is observed now: a run that was known keeps the time when it was first seen. */
export function watchRuns(known: Runs, containers: readonly ProjectContainer[], now: ClockReading): Runs {
  return new Map(
    containers.map(({ id, restartCount, startedAtMs }) => {
      const run = known.get(id);
      const isSame = run?.restartCount === restartCount && run.startedAtMs === startedAtMs;
      return [id, isSame ? run : { restartCount, startedAtMs, seenSince: now }];
    }),
  );
}
