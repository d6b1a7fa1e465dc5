import { assertNever, messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { type ClockReading, elapsedMs, type MonotonicClock } from '../async/clock-reading.ts';
import { OutageLog, runRetryLoop } from '../async/retry-loop.ts';
import type { Semaphore } from '../async/semaphore.ts';
import type { WakeUp } from '../async/wake-up.ts';
import type { ProjectContainer } from '../docker/project-container.ts';
import type { Activator } from './activator.ts';
import type { Action } from './decide/action.ts';
import { type ExitCodes, hasNewRestarts } from './decide/crashes.ts';
import { decide } from './decide/decide.ts';
import type { Observed, Step, Tried } from './decide/observed.ts';
import { type Runs, watchRuns } from './decide/watch-runs.ts';
import { gatherEvidence, withEvidence } from './gather-evidence.ts';
import { Healer } from './healer.ts';
import type { OpenCheck } from './probes/check.ts';
import { ProbeRunner } from './probes/probe-runner.ts';
import type { Advance } from './record/advance.ts';
import { advanceRecord, finishRollout, leaveQueue, noteQueue } from './record/advance-record.ts';
import type { Plan, RolloutRecord } from './record/stack-record.ts';
import type { StackStore } from './record/stack-store.ts';
import type { StepAction, StepRunner, WantedImages } from './run-steps.ts';

export interface StackWorkerOptions {
  readonly stack: string;
  readonly store: StackStore;
  readonly steps: StepRunner;
  readonly activator: Activator;
  readonly openCheck: OpenCheck;
  /** Bounds how many stacks change at once; going back never waits for it. */
  readonly semaphore: Semaphore;
  readonly clock: MonotonicClock;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Notified when the record changes. */
  readonly wakeUp: WakeUp;
}

/** While there is nothing to do before the record changes. */
const IDLE_MS = 3_600_000;
/** After a failure of this host itself, such as a full disk. */
const HOST_FAILURE_MS = 5_000;
/** A shorter wait for other stacks is not worth a word. */
const QUEUE_NOTICE_MS = 10_000;
const EVIDENCE_LINES = 40;

/** What this process has seen and tried in the present phase of the rollout; a new phase begins without any of it. */
interface PhaseMemory {
  readonly key: string;
  readonly tried: Partial<Record<Step, Tried>>;
  plan: Plan | null;
  wasInterrupted: boolean;
  runs: Runs;
  seenSince: ClockReading | null;
  unseen: Observed['unseen'];
  exitCodes: ExitCodes;
  images: Observed['images'];
  probes: ProbeRunner | null;
}

function newMemory(key: string, wasInterrupted: boolean): PhaseMemory {
  return {
    key,
    tried: {},
    plan: null,
    wasInterrupted,
    runs: new Map(),
    seenSince: null,
    unseen: null,
    exitCodes: new Map(),
    images: null,
    probes: null,
  };
}

function keyOf(rollout: RolloutRecord | null): string {
  if (rollout === null) return '';
  const { id, phase } = rollout;
  return `${id} ${phase.at} ${'attempt' in phase ? phase.attempt : ''}`;
}

/** Brings one stack to where its record says it is to be: observes, decides, acts, and observes again. */
export class StackWorker {
  readonly #options: StackWorkerOptions;
  #memory = newMemory('', false);
  readonly #engineOutage: OutageLog;
  readonly #healer: Healer;

  constructor(options: StackWorkerOptions) {
    this.#options = options;
    this.#healer = new Healer(options);
    this.#engineOutage = new OutageLog(
      options.log,
      { stack: options.stack },
      {
        began: 'the containers of this stack cannot be seen',
        ended: 'the containers of this stack can be seen again',
      },
    );
  }

  /** Until `signal` aborts. A command under way is then cut off, which the next start picks up. */
  async run(signal: AbortSignal): Promise<void> {
    const { wakeUp, log, stack } = this.#options;
    await runRetryLoop({
      turn: () => this.#turn(),
      recover: (error) => {
        log.error({ stack, reason: messageOf(error) }, 'this stack cannot be worked on now: trying again');
        return HOST_FAILURE_MS;
      },
      rest: async (restMs) => {
        if (restMs > 0) await wakeUp.wait(restMs, signal);
      },
      signal,
    });
    this.#memory.probes?.stop();
  }

  /** Observes once and does what follows from it; returns for how many milliseconds there is nothing to do. */
  async #turn(): Promise<number> {
    const { store, clock } = this.#options;
    const { rollout } = store.record;
    this.#enterPhase(rollout);
    if (rollout === null) {
      const { guarded } = store.record;
      return guarded === null ? IDLE_MS : this.#healer.look(guarded, await this.#observeContainers());
    }
    this.#healer.forget();
    if (rollout.phase.at === 'closed') return this.#finish(rollout);
    if (rollout.phase.at === 'offered') return IDLE_MS;
    const observed = await this.#observe(rollout);
    let waitMs = 0;
    for (const action of decide(rollout, observed, clock.now())) waitMs = await this.#apply(rollout, action, observed);
    return waitMs;
  }

  #enterPhase(rollout: RolloutRecord | null): void {
    const key = keyOf(rollout);
    if (this.#memory.key === key) return;
    this.#memory.probes?.stop();
    // Touched before this process has done anything: an earlier one was interrupted.
    const wasInterrupted = rollout?.phase.at === 'activating' && rollout.phase.touched;
    this.#memory = newMemory(key, wasInterrupted);
    if (rollout === null) return;
    const { log, stack } = this.#options;
    const { id, release, phase } = rollout;
    log.info({ stack, rollout_id: id, release, phase: phase.at }, `rollout: ${describePhase(rollout)}`);
  }

  async #observe(rollout: RolloutRecord): Promise<Observed> {
    const { openCheck, stack, clock, runtime } = this.#options;
    const memory = this.#memory;
    const containers = await this.#observeContainers();
    if (containers !== null) memory.runs = watchRuns(memory.runs, containers, clock.now());
    memory.seenSince = containers === null ? null : (memory.seenSince ?? clock.now());
    memory.exitCodes = await this.#observeExits(rollout, containers);
    if (containers === null && rollout.phase.at === 'activating' && rollout.phase.touched) memory.wasInterrupted = true;
    if (rollout.phase.at === 'soaking' && rollout.plan !== null && memory.probes === null) {
      const { probes } = rollout.plan;
      memory.probes = new ProbeRunner({
        stack,
        probes,
        openCheck,
        clock,
        runtime,
        onChange: () => this.#options.wakeUp.notify(),
      });
    }
    return {
      containers,
      runs: memory.runs,
      seenSince: memory.seenSince,
      unseen: memory.unseen,
      exitCodes: memory.exitCodes,
      tried: memory.tried,
      plan: memory.plan,
      wasInterrupted: memory.wasInterrupted,
      readings: memory.probes?.readings ?? [],
      images: memory.images,
    };
  }

  /** The project's containers, or null when the engine does not tell. */
  async #observeContainers(): Promise<readonly ProjectContainer[] | null> {
    const { activator, stack, clock } = this.#options;
    try {
      const containers = await activator.containers(stack);
      this.#engineOutage.noteSuccess();
      this.#memory.unseen = null;
      return containers;
    } catch (error) {
      const reason = messageOf(error);
      this.#engineOutage.noteFailure(reason);
      this.#memory.unseen = { since: this.#memory.unseen?.since ?? clock.now(), reason };
      return null;
    }
  }

  /** Asked for only when a container has restarted: the engine remembers it for a while. */
  async #observeExits({ phase }: RolloutRecord, containers: readonly ProjectContainer[] | null): Promise<ExitCodes> {
    const { activator, stack, log } = this.#options;
    if (phase.at !== 'soaking' || containers === null || !hasNewRestarts(phase, containers)) return new Map();
    try {
      return await activator.exitCodes(stack);
    } catch (error) {
      log.warn({ stack, reason: messageOf(error) }, 'the engine does not tell how containers have ended');
      return new Map();
    }
  }

  /** What has been brought up; null when the engine does not tell. */
  async #observeImages(release: string): Promise<Observed['images']> {
    const { activator, stack, log } = this.#options;
    try {
      return await activator.images(stack, release);
    } catch (error) {
      log.warn({ stack, release, reason: messageOf(error) }, 'which images run cannot be seen, so it is not reported');
      return null;
    }
  }

  async #apply(rollout: RolloutRecord, action: Action, observed: Observed): Promise<number> {
    switch (action.do) {
      case 'advance':
        await this.#advance(rollout, action, observed);
        return 0;
      case 'wait':
        return action.ms;
      case 'prepare':
      case 'pull':
      case 'check':
      case 'up':
      case 'down':
        await this.#runStep(rollout, action);
        return 0;
      default:
        return assertNever(action);
    }
  }

  /** What containers leave behind is read before the next phase may remove them, and told with the failure. */
  async #advance(rollout: RolloutRecord, advance: Advance, { containers }: Observed): Promise<void> {
    const { store, activator } = this.#options;
    const isFailure = advance.events.some(({ type }) => type === 'failed' || type === 'activation_failed');
    const evidence = isFailure
      ? await gatherEvidence(containers ?? [], rollout, (id) => activator.readLog(id, EVIDENCE_LINES))
      : [];
    const step = evidence.length === 0 ? advance : { ...advance, events: withEvidence(advance.events, evidence) };
    await store.update((record) => advanceRecord(record, rollout, step));
  }

  async #runStep(rollout: RolloutRecord, action: StepAction): Promise<void> {
    if (rollout.phase.at === 'activating' && action.do !== 'check') await this.#inTurn(rollout, action);
    else await this.#work(rollout, action);
  }

  /** Waits until fewer stacks of this host are being changed. A wait of some length is said, and never counts. */
  async #inTurn(rollout: RolloutRecord, action: StepAction): Promise<void> {
    const { semaphore, clock, log, stack, store, runtime } = this.#options;
    const queuedAt = clock.now();
    const notice = runtime.setTimer(QUEUE_NOTICE_MS, () => {
      const { holders } = semaphore;
      log.info({ stack, rollout_id: rollout.id, stacks: holders }, 'rollout: other stacks are being changed first');
      store
        .update((record) => noteQueue(record, rollout.id, holders, clock.now()))
        .catch((error) => log.error({ stack, reason: messageOf(error) }, 'that this stack waits cannot be noted'));
    });
    await semaphore.run(stack, async () => {
      notice.cancel();
      const waitedMs = elapsedMs(queuedAt, clock.now());
      if (waitedMs > 0) await store.update((record) => leaveQueue(record, rollout.id, waitedMs, clock.now()));
      await this.#work(rollout, action);
    });
  }

  async #work(rollout: RolloutRecord, action: StepAction): Promise<void> {
    const { steps, clock, log, stack } = this.#options;
    const memory = this.#memory;
    const startedAt = clock.now();
    const result = await steps.run(action, wantedImages(rollout));
    const at = clock.now();
    const fields = { stack, rollout_id: rollout.id, step: action.do, took_ms: elapsedMs(startedAt, at) };
    if (result.ok) log.info(fields, 'rollout: a step has succeeded');
    // Not a failure yet: the containers decide, and Compose also ends with 1 when a job has ended with code 0.
    else
      log.info({ ...fields, exit_code: result.exitCode, output: result.output }, 'rollout: a step ended with an error');
    if (result.ok && result.plan !== null) memory.plan = result.plan;
    if (action.do === 'up') memory.images = await this.#observeImages(action.release);
    const last = result.ok ? ({ ok: true, at } as const) : { ...result, at };
    memory.tried[action.do] = { attempts: (memory.tried[action.do]?.attempts ?? 0) + 1, last };
  }

  async #finish(rollout: RolloutRecord): Promise<number> {
    if (rollout.outbox.length > 0) return IDLE_MS;
    const { store, activator, log, stack } = this.#options;
    const { kept } = await store.update(finishRollout);
    log.info({ stack, rollout_id: rollout.id, release: rollout.release }, 'rollout: every event is delivered');
    await activator.prune(stack, kept);
    return 0;
  }
}

/** Which bytes a rollout is about: forward what the first host ran, and back what ran here. */
function wantedImages({ images, before }: RolloutRecord): WantedImages {
  const ran = before?.flatMap(({ service, imageId }) => (imageId === undefined ? [] : [[service, imageId] as const]));
  return { canary: images, ran: ran === undefined ? null : Object.fromEntries(ran) };
}

function describePhase({ phase, fallback }: RolloutRecord): string {
  switch (phase.at) {
    case 'offered':
      return 'a release is offered; its activation begins once the server has confirmed the acknowledgement';
    case 'activating':
      return phase.touched ? 'the activation continues after an interruption' : 'the activation begins';
    case 'deferred':
      return `put off (${phase.trouble.class}): ${phase.trouble.reason}`;
    case 'resuming':
      return 'the soak continues from what the server knows';
    case 'soaking':
      return `the soak begins, for ${Math.ceil(phase.soakMs / 1000)} s`;
    case 'reverting':
      if (!phase.touched) return 'nothing has been changed: verifying what ran before';
      return fallback === null ? 'removing everything of the release' : `going back to ${fallback}`;
    case 'closed':
      return phase.outcome;
    default:
      return assertNever(phase);
  }
}
