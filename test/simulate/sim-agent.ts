/**
 * An agent that keeps the contract: it acts only on an acknowledgement that was taken, numbers and keeps its events
 * before it sends them, goes back by itself when its release fails, and after a refusal believes the server.
 */
import type { AgentEvent, NumberedEvent } from '../../src/domain/rollout.ts';
import type { SeededRandom } from '../domain/seeded-random.ts';
import type { SimRelease } from './catalog.ts';
import type { Network } from './network.ts';
import type { Oracle } from './oracle.ts';
import type { HostPart, Offer, SimServer } from './sim-server.ts';
import type { Timeline } from './timeline.ts';

type Phase = 'offered' | 'activating' | 'soaking' | 'converging' | 'failed' | 'reverted' | 'refused';

/** What is on disk of one rollout. */
interface Work {
  readonly rolloutId: string;
  readonly release: SimRelease;
  readonly outbox: NumberedEvent[];
  epoch: number;
  phase: Phase;
  previous: string | null;
  nextSeq: number;
}

export interface Surroundings {
  readonly server: SimServer;
  readonly network: Network;
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly oracle: Oracle;
  readonly releases: ReadonlyMap<string, SimRelease>;
}

const RETRY_MS = 3_000;

export class SimAgent {
  readonly name: string;
  up = false;
  /** What Docker runs, by stack; no crash of the agent changes it. */
  readonly running = new Map<string, string>();
  readonly #around: Surroundings;
  readonly #skewMs: number;
  readonly #works = new Map<string, Work>();
  readonly #epochs = new Map<string, number>();
  readonly #startedAtMs = new Map<string, number>();
  #events = 0;
  /** Counts the lives of the process: what an earlier one asked for does not reach it. */
  #life = 0;
  /** Counts what the agent learned: an answer that is older than that is no news. */
  #version = 0;
  #sending = false;
  #polling = false;
  #retired = false;

  constructor(name: string, skewMs: number, around: Surroundings) {
    this.name = name;
    this.#skewMs = skewMs;
    this.#around = around;
  }

  start(): void {
    if (this.up || this.#retired) return;
    this.up = true;
    this.#life += 1;
    this.#sending = false;
    this.#polling = false;
    this.#beat();
    for (const work of this.#works.values()) this.#resume(work);
    this.#learn();
    this.#pump();
  }

  crash(): void {
    this.up = false;
    this.#life += 1;
  }

  wipeDisk(): void {
    this.crash();
    this.#works.clear();
    this.#epochs.clear();
  }

  runs(stack: string): string | null {
    return this.running.get(stack) ?? null;
  }

  #later(delayMs: number, run: () => void): void {
    this.#around.timeline.in(delayMs, this.#inThisLife(run));
  }

  #inThisLife<A extends unknown[]>(run: (...args: A) => void): (...args: A) => void {
    const life = this.#life;
    return (...args) => {
      if (this.#life === life && this.up) run(...args);
    };
  }

  #nowMs(): number {
    return this.#around.timeline.nowMs + this.#skewMs;
  }

  #beat(): void {
    const { server, network } = this.#around;
    const soaks = [...this.#works.values()].some(({ phase }) => phase === 'soaking' || phase === 'converging');
    const memoryMb = new Map<string, number>();
    if (soaks) for (const [stack, release] of this.running) memoryMb.set(stack, this.#memoryOf(stack, release));
    network.send(this.name, () => server.up && server.telemetry(this.name, memoryMb));
    this.#later(soaks ? 5_000 : 10_000, () => this.#beat());
  }

  #memoryOf(stack: string, digest: string): number {
    const grows = this.#around.releases.get(digest)?.behaviour === 'leaky';
    const seconds = (this.#around.timeline.nowMs - (this.#startedAtMs.get(stack) ?? 0)) / 1000;
    return Math.round(100 + (grows ? 2 * seconds : 0));
  }

  #pump(): void {
    if (!this.up) return;
    this.#send();
    this.#poll();
  }

  #poll(): void {
    if (this.#polling) return;
    this.#polling = true;
    const { server, network } = this.#around;
    const reply = this.#inThisLife((offer: Offer) => {
      this.#polling = false;
      this.#offered(offer);
      this.#pump();
    });
    const over = this.#inThisLife(() => {
      this.#polling = false;
      if (this.#works.size === 0) this.#learn();
      this.#pump();
    });
    network.poll(this.name, (respond) => server.up && server.poll(this.name, respond), reply, over);
  }

  #offered({ rolloutId, stack, release: digest, epoch }: Offer): void {
    const known = this.#works.get(rolloutId);
    if (epoch < (this.#epochs.get(stack) ?? 0) || known?.epoch === epoch) return;
    this.#epochs.set(stack, epoch);
    if (known !== undefined) {
      known.epoch = epoch;
      return;
    }
    const work = this.#begin(rolloutId, digest, epoch, 'offered', 0, this.runs(stack));
    this.#enqueue(work, { type: 'dispatch_ack', currentRelease: this.runs(stack), receivedAtMs: this.#nowMs() });
  }

  #begin(rolloutId: string, digest: string, epoch: number, phase: Phase, lastSeq: number, previous: string | null) {
    const release = this.#around.releases.get(digest);
    if (release === undefined) throw new Error(`no release ${digest}`);
    this.#version += 1;
    const work: Work = { rolloutId, release, epoch, phase, previous, nextSeq: lastSeq + 1, outbox: [] };
    this.#works.set(rolloutId, work);
    return work;
  }

  #enqueue(work: Work, event: AgentEvent): void {
    this.#events += 1;
    this.#version += 1;
    work.outbox.push({ seq: work.nextSeq, bodyDigest: `${this.name} ${this.#events}`, event });
    work.nextSeq += 1;
    this.#send();
  }

  #send(): void {
    const work = [...this.#works.values()].find(({ outbox }) => outbox.length > 0);
    const numbered = work?.outbox[0];
    if (this.#sending || work === undefined || numbered === undefined) return;
    this.#sending = true;
    const { server, network } = this.#around;
    const reply = this.#inThisLife((status: number) => {
      this.#sending = false;
      this.#version += 1;
      if (status === 204) this.#taken(work, numbered);
      else if (status === 409) this.#refused(work);
      else if (status === 404) this.#works.delete(work.rolloutId);
      else this.#retire();
      this.#pump();
    });
    const lost = this.#inThisLife(() => {
      this.#sending = false;
      this.#later(this.#around.random.between(100, RETRY_MS), () => this.#pump());
    });
    const { rolloutId } = work;
    network.request(
      this.name,
      () => (server.up ? server.receive(this.name, rolloutId, numbered) : undefined),
      reply,
      lost,
    );
  }

  /** Its host was archived: the token is void. */
  #retire(): void {
    this.#retired = true;
    this.crash();
  }

  #taken(work: Work, numbered: NumberedEvent): void {
    if (work.outbox[0]?.seq === numbered.seq) work.outbox.shift();
    const goesBack = work.release.policy.onHealthFailure === 'rollback-and-halt';
    switch (numbered.event.type) {
      case 'dispatch_ack':
        work.phase = 'activating';
        this.#activate(work);
        break;
      case 'failed':
      case 'activation_failed':
        if (!goesBack) this.#works.delete(work.rolloutId);
        break;
      case 'rollback_completed':
      case 'converged':
        this.#works.delete(work.rolloutId);
        break;
      default:
        break;
    }
  }

  /** The server knows better: whatever is left to say is said anew from what it knows. */
  #refused(work: Work): void {
    work.outbox.length = 0;
    work.phase = 'refused';
    this.#learn(work.rolloutId);
  }

  /** Asks for the state: of rollouts it knows nothing of, and of one that was refused. */
  #learn(refused: string | null = null): void {
    const version = this.#version;
    const { server, network } = this.#around;
    const again = (): void => this.#later(RETRY_MS, () => this.#learn(refused));
    const reply = this.#inThisLife((parts: HostPart[]) => {
      if (version !== this.#version) {
        again();
        return;
      }
      if (refused !== null) this.#works.delete(refused);
      for (const part of parts) if (!this.#works.has(part.rolloutId)) this.#adopt(part);
      this.#pump();
    });
    const ask = (): HostPart[] | undefined => (server.up ? server.stateOf(this.name) : undefined);
    network.request(this.name, ask, reply, this.#inThisLife(again));
  }

  #adopt(part: HostPart): void {
    const { rolloutId, stack, release, epoch, lastSeq, previousRelease } = part;
    this.#epochs.set(stack, Math.max(epoch, this.#epochs.get(stack) ?? 0));
    const previous = part.state === 'pending' ? this.runs(stack) : previousRelease;
    const begin = (phase: Phase): Work => this.#begin(rolloutId, release, epoch, phase, lastSeq, previous);
    switch (part.state) {
      case 'pending': {
        const currentRelease = this.runs(stack);
        this.#enqueue(begin('offered'), { type: 'dispatch_ack', currentRelease, receivedAtMs: this.#nowMs() });
        break;
      }
      case 'activating':
      case 'deferred':
        this.#activate(begin('activating'));
        break;
      case 'soaking':
        if (part.regressed) this.#fail(begin('soaking'), ['telemetry']);
        else if (this.runs(stack) !== release) this.#fail(begin('soaking'), ['gone']);
        else this.#soak(begin('soaking'), this.#around.random.between(1_000, 5_000));
        break;
      case 'failed':
        this.#goBack(begin('failed'));
        break;
      case 'converged':
      case 'reverted':
        break;
    }
  }

  /** After a start, from what is on disk. */
  #resume(work: Work): void {
    if (work.phase === 'activating') this.#activate(work);
    else if (work.phase === 'soaking') this.#soak(work);
    else if (work.phase === 'failed') this.#goBack(work);
    else if (work.phase === 'refused') this.#refused(work);
  }

  #still(work: Work, phase: Phase, run: () => void): () => void {
    return () => {
      if (this.#works.get(work.rolloutId) === work && work.phase === phase) run();
    };
  }

  #activate(work: Work): void {
    const { random, oracle } = this.#around;
    oracle.acts(this.name, work.rolloutId);
    this.#enqueue(work, { type: 'activation_started', startedAtMs: this.#nowMs(), method: 'compose' });
    let delayMs = random.between(500, 6_000);
    if (random.chance(0.1)) {
      this.#enqueue(work, { type: 'activation_deferred', reason: 'the registry is slow', deferredAtMs: this.#nowMs() });
      delayMs += 4_000;
    }
    this.#later(
      delayMs,
      this.#still(work, 'activating', () => this.#activated(work)),
    );
  }

  #activated(work: Work): void {
    const { digest: observedRelease, behaviour, stack } = work.release;
    if (behaviour === 'broken') {
      work.phase = 'failed';
      const failedAtMs = this.#nowMs();
      this.#enqueue(work, { type: 'activation_failed', exitCode: 1, stderrTail: 'no such image', failedAtMs });
      this.#goBack(work);
      return;
    }
    this.#around.oracle.acts(this.name, work.rolloutId);
    this.running.set(stack, observedRelease);
    this.#startedAtMs.set(stack, this.#around.timeline.nowMs);
    work.phase = 'soaking';
    this.#enqueue(work, { type: 'activation_completed', observedRelease, exitCode: 0, completedAtMs: this.#nowMs() });
    this.#soak(work);
  }

  #soak(work: Work, soakMs = work.release.policy.soakSeconds * 1000): void {
    const { random } = this.#around;
    const { policy, behaviour } = work.release;
    const declared = [
      { name: 'http', mode: 'enforce' },
      { name: 'log', mode: 'observe' },
    ] as const;
    this.#enqueue(work, { type: 'probe_topology_declared', probes: declared, declaredAtMs: this.#nowMs() });
    if (random.chance(0.2)) {
      this.#enqueue(work, {
        type: 'probe_observed_first',
        probe: 'http',
        mode: 'enforce',
        observedAtMs: this.#nowMs(),
      });
    }
    this.#probe(work, 'pass');
    if (behaviour === 'bad') {
      this.#later(
        random.between(0, soakMs / 2),
        this.#still(work, 'soaking', () => this.#probe(work, 'fail')),
      );
      this.#later(
        soakMs / 2 + policy.sustainedFailureSeconds * 1000,
        this.#still(work, 'soaking', () => this.#fail(work, ['http'])),
      );
      return;
    }
    if (random.chance(0.1)) {
      this.#probe(work, 'fail');
      this.#later(
        random.between(500, soakMs),
        this.#still(work, 'soaking', () => this.#probe(work, 'pass')),
      );
    }
    // Most wait a little longer than they are told; some find out that the server counts from a later moment.
    this.#later(
      soakMs + (random.chance(0.3) ? 0 : 1_500),
      this.#still(work, 'soaking', () => this.#converge(work)),
    );
  }

  #probe(work: Work, status: 'pass' | 'fail'): void {
    const observedAtMs = this.#nowMs();
    const failureReason = status === 'pass' ? null : 'connection refused';
    if (status === 'fail') {
      this.#enqueue(work, {
        type: 'probe_failure_first',
        probe: 'http',
        mode: 'enforce',
        firstFailedAtMs: observedAtMs,
      });
    }
    this.#enqueue(work, { type: 'probe_result', probe: 'http', mode: 'enforce', status, observedAtMs, failureReason });
    if (this.#around.random.chance(0.8)) return;
    this.#enqueue(work, {
      type: 'probe_result',
      probe: 'log',
      mode: 'observe',
      status: 'fail',
      observedAtMs,
      failureReason,
    });
  }

  #converge(work: Work): void {
    work.phase = 'converging';
    const { digest: currentRelease } = work.release;
    this.#enqueue(work, { type: 'converged', convergedAtMs: this.#nowMs(), currentRelease });
  }

  #fail(work: Work, failingProbes: readonly string[]): void {
    work.phase = 'failed';
    const { sustainedFailureSeconds: sustainedSeconds, onHealthFailure: policyApplied } = work.release.policy;
    const failedAtMs = this.#nowMs();
    this.#enqueue(work, { type: 'failed', failedAtMs, sustainedSeconds, failingProbes, policyApplied });
    this.#goBack(work);
  }

  #goBack(work: Work): void {
    if (work.release.policy.onHealthFailure !== 'rollback-and-halt') return;
    this.#later(
      this.#around.random.between(200, 3_000),
      this.#still(work, 'failed', () => {
        const { stack } = work.release;
        this.#around.oracle.acts(this.name, work.rolloutId);
        if (work.previous === null) this.running.delete(stack);
        else this.running.set(stack, work.previous);
        work.phase = 'reverted';
        const revertedToRelease = work.previous;
        const completedAtMs = this.#nowMs();
        this.#enqueue(work, { type: 'rollback_completed', revertedToRelease, exitCode: 0, completedAtMs });
      }),
    );
  }
}
