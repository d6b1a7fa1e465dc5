import { NexusError } from '../src/domain/errors.ts';
import type { Log } from '../src/domain/log.ts';
import type { Runtime } from '../src/domain/runtime.ts';
import { delay } from '../src/runtime/wait.ts';
import type { FileSystem } from './disk/file-system.ts';
import type { LockStateDir } from './disk/lock-state-dir.ts';
import type { RolloutParts, Rollouts } from './rollouts/start-rollouts.ts';
import type { AnswerVerdict } from './server/judge-answer.ts';
import type { ServerTransport } from './server/transport.ts';
import type { RunSettings } from './settings.ts';
import { DEFAULT_PACING, Delivery, type DeliveryEnd, type DeliveryPacing } from './telemetry/delivery.ts';
import { type OpenedOutbox, openMemoryOutbox, openOutbox } from './telemetry/outbox/open-outbox.ts';
import { TickClock } from './telemetry/tick-clock.ts';
import { TickPace } from './telemetry/tick-pace.ts';
import type { TickSource } from './telemetry/tick-source.ts';

/** Everything of the world that an agent touches. */
export interface AgentParts {
  readonly settings: Pick<RunSettings, 'action' | 'token' | 'intervalMs' | 'stateDir'>;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly files: FileSystem;
  readonly lock: LockStateDir;
  /** Left open when the agent ends. */
  readonly server: ServerTransport;
  readonly ticks: TickSource;
  /** Null: this agent only reports. */
  readonly rollouts: RolloutParts | null;
  /** Aborts when the agent is to stop: it keeps what it has not delivered. */
  readonly signal: AbortSignal;
  /** Waits and retries; {@link DEFAULT_PACING} unless said otherwise. */
  readonly pacing?: DeliveryPacing | undefined;
}

/** What the process ends with. */
export const AGENT_EXIT = { done: 0, undelivered: 1, unauthorized: 3 } as const;

/** The first tick's CPU figures are measured over this long. */
const FIRST_INTERVAL_MS = 1_000;

/**
 * The agent, on whatever it is given as the world. Runs until `signal` aborts (0), the server refuses the token (3) or,
 * with `once`, one tick is delivered (0) or not (1). Throws `conflict` when another agent uses the state directory.
 */
export async function startAgent(parts: AgentParts): Promise<number> {
  const { settings, runtime, log, server, ticks, signal } = parts;
  const { outbox, close: closeOutbox } = await openOutboxFor(parts);
  const over = new AbortController();
  const end = (): void => over.abort();
  // Not AbortSignal.any: a signal that it makes stays reachable for as long as anybody listens to it.
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  const stop = over.signal;
  const delivery = new Delivery({ server, outbox, runtime, log, pacing: parts.pacing ?? DEFAULT_PACING });
  const following = ticks.run(stop);
  let isRefused = false;
  const refuse = (why: DeliveryEnd): void => {
    if (why !== 'unauthorized') return;
    isRefused = true;
    end();
  };
  let rollouts: Rollouts | null = null;
  try {
    if (settings.action === 'once') return await runOnce(delivery, parts);
    const pace = new TickPace(runtime, settings.intervalMs, settings.token);
    rollouts = await openRollouts(parts, pace);
    void rollouts?.ended.then(refuse);
    const delivering = delivery.run(stop).then(refuse);
    await Promise.all([tickForEver(delivery, parts, pace, stop), delivering]);
    return isRefused ? explainUnauthorized(log) : AGENT_EXIT.done;
  } finally {
    signal.removeEventListener('abort', end);
    end();
    await rollouts?.stop();
    await following;
    await closeOutbox();
  }
}

/** A single tick beside an agent that runs is fine: it only does without the outbox, which is the other's. */
async function openOutboxFor(parts: AgentParts): Promise<OpenedOutbox> {
  const { action, stateDir } = parts.settings;
  try {
    return await openOutbox(stateDir, parts);
  } catch (error) {
    if (action === 'once' && error instanceof NexusError && error.code === 'conflict') return openMemoryOutbox();
    throw error;
  }
}

/** Loaded only where it is wanted: with its schemas it costs more memory than all of telemetry. */
async function openRollouts(parts: AgentParts, pace: TickPace): Promise<Rollouts | null> {
  const { rollouts, server, files, log, runtime } = parts;
  if (rollouts === null) return null;
  const { startRollouts } = await import('./rollouts/start-rollouts.ts');
  const onSoak = (stack: string, isSoaking: boolean) => pace.noteSoak(stack, isSoaking);
  return startRollouts({ ...rollouts, server, files, log, runtime, onSoak });
}

async function tickForEver(
  delivery: Delivery,
  { ticks, runtime }: AgentParts,
  pace: TickPace,
  signal: AbortSignal,
): Promise<void> {
  await ticks.prime();
  // The first tick does not wait for its place on the clock: a host that starts is online at once.
  await delay(runtime, FIRST_INTERVAL_MS, signal);
  const clock = new TickClock(runtime);
  while (!signal.aborted) {
    delivery.offer(await ticks.collect(clock));
    await pace.untilNext(signal);
  }
}

async function runOnce(delivery: Delivery, { ticks, log, runtime, signal }: AgentParts): Promise<number> {
  await ticks.prime();
  await delay(runtime, FIRST_INTERVAL_MS, signal);
  delivery.offer(await ticks.collect(new TickClock(runtime)));
  const verdict = await delivery.flushOnce();
  if (verdict.kind === 'delivered') return AGENT_EXIT.done;
  if (verdict.kind === 'unauthorized') return explainUnauthorized(log);
  log.error({ reason: explainVerdict(verdict) }, 'the tick could not be delivered');
  return AGENT_EXIT.undelivered;
}

function explainVerdict(verdict: Exclude<AnswerVerdict, { kind: 'delivered' | 'unauthorized' }>): string {
  switch (verdict.kind) {
    case 'refused':
      return `the server answers ${verdict.status}: ${verdict.reasons.join('; ')}`;
    case 'wait':
      return `the server answers ${verdict.status}: ask again in ${Math.ceil(verdict.waitMs / 1000)} s`;
    case 'failed':
      return verdict.reason;
  }
}

function explainUnauthorized(log: Log): number {
  log.error(
    {},
    'the server refuses the token (401): it is unknown, revoked or expired, or its host is archived. On the server, `nexus token create --host NAME` prints a new one',
  );
  return AGENT_EXIT.unauthorized;
}
