import { join } from 'node:path';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import type { MonotonicClock } from '../async/clock-reading.ts';
import type { Semaphore } from '../async/semaphore.ts';
import { WakeUp } from '../async/wake-up.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { SelfReport } from '../self-report.ts';
import type { RolloutApi } from '../server/rollout-api.ts';
import type { Activator } from './activator.ts';
import { EventSender } from './event-sender.ts';
import type { OpenCheck } from './probes/check.ts';
import { StackStore } from './record/stack-store.ts';
import { StepRunner } from './run-steps.ts';
import type { ServerViews } from './server-view.ts';
import { StackWorker } from './stack-worker.ts';

/** What all stacks of a host share. */
export interface StackCommons {
  readonly files: FileSystem;
  /** Holds one folder for each stack. */
  readonly stacksFolder: string;
  readonly api: RolloutApi;
  readonly views: ServerViews;
  readonly activator: Activator;
  readonly openCheck: OpenCheck;
  readonly semaphore: Semaphore;
  readonly clock: MonotonicClock;
  readonly self: SelfReport;
  readonly log: Log;
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
  readonly onUnauthorized: () => void;
  /** Called whenever the record of a stack changes. */
  readonly onSoak: (stack: string, isSoaking: boolean) => void;
}

/** One stack at work: its record, the loop that changes what runs, and the one that reports. */
export interface Stack {
  readonly store: StackStore;
  readonly sender: EventSender;
  /** Settles once both loops have ended. */
  readonly ended: Promise<unknown>;
}

export async function startStack(stack: string, commons: StackCommons): Promise<Stack> {
  const { files, api, views, activator, openCheck, semaphore, clock, log, runtime, signal, onUnauthorized } = commons;
  const folder = join(commons.stacksFolder, stack);
  const [workWakeUp, sendWakeUp] = [new WakeUp(runtime), new WakeUp(runtime)];
  const noteEpoch = (): void => {
    const { taken } = store.record;
    if (taken !== null) commons.self.noteEpoch(stack, taken.epoch);
  };
  const noteSoak = (): void => commons.onSoak(stack, store.record.rollout?.phase.at === 'soaking');
  const store = await StackStore.open({
    files,
    folder,
    stack,
    clock,
    log,
    onChange: () => {
      noteEpoch();
      noteSoak();
      workWakeUp.notify();
      sendWakeUp.notify();
    },
  });
  noteEpoch();
  noteSoak();
  const steps = new StepRunner({ stack, activator, signal, onUnauthorized });
  const worker = new StackWorker({
    stack,
    store,
    steps,
    activator,
    openCheck,
    semaphore,
    clock,
    runtime,
    log,
    wakeUp: workWakeUp,
  });
  const sender = new EventSender({
    stack,
    store,
    api,
    views,
    clock,
    log,
    runtime,
    wakeUp: sendWakeUp,
    onUnauthorized,
  });
  return { store, sender, ended: Promise.all([worker.run(signal), sender.run(signal)]) };
}
