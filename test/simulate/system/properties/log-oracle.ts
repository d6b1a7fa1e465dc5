/**
 * A second opinion on the log: it reads the committed entries in their order, and nothing else of the server, and judges
 * by its own small bookkeeping. Deliberately written without the reducer, transition table included, so that a mistake
 * there is not repeated here. All time in it is true time.
 */
import assert from 'node:assert/strict';
import type { LogEvent } from '../../../../src/domain/event-log.ts';
import {
  type AgentEvent,
  ROLLOUT_ENTRY_KINDS,
  type RolloutEntry,
  type RolloutPlan,
  type TelemetryVerdict,
} from '../../../../src/domain/rollout.ts';
import { entryOf } from '../../../../src/rollout/stored-entry.ts';

interface ShadowHost {
  readonly wave: number;
  state: string;
  offered: boolean;
  epoch: number;
  left: boolean;
  lastSeq: number;
  /** True time at which the server's soak has begun. */
  soakFromMs: number;
  /** True time before which the soak cannot be over. */
  soakDueMs: number;
  previous: string | null;
  verdict: string;
  /** Its telemetry is beyond a limit, and not only unsettled. */
  isBeyondLimit: boolean;
  /** The release is to blame for its failure. */
  blames: boolean;
  /** Its last attempt to go back has failed. */
  stuck: boolean;
  /** The server has given it up; its agent may not know, and go on for a while. */
  lost: boolean;
  readonly failing: Set<string>;
}

interface Shadow {
  readonly plan: RolloutPlan;
  readonly hosts: Map<string, ShadowHost>;
  status: string;
  wave: number;
  /** The release must be quarantined: enough hosts, or one and a witness, have said so. */
  isCondemned: boolean;
}

/** What the oracle may look at outside of the log. */
export interface Surroundings {
  /** True time. */
  nowMs(): number;
  /** Whether telemetry of this host has ever reached the server. */
  hasBeenHeard(host: string): boolean;
  /** The releases that containers of this stack carry on this host. */
  runningOn(host: string, stack: string): ReadonlySet<string>;
  /** When this event first reached the server; undefined: never. */
  arrivedAtMs(rolloutId: string, host: string, seq: number): number | undefined;
  /** No release of this digest can converge. */
  mustFail(release: string): boolean;
  /** A container of this stack is in a loop that has shown on this host in this span of true time, and can still be known. */
  hasLoopedWithin(host: string, stack: string, fromMs: number, untilMs: number): boolean;
  /** Nobody has set the wall clock that the server measures soaks on. */
  areSoaksTrue(): boolean;
}

/** A host's clock may run this much faster than the true time. */
const MAX_DRIFT = 0.002;
/** The clock of a host may run this much faster than the server's, so that its soak ends early and is reported late. */
const MAX_CLOCK_ERROR = 0.1;
/** An agent sees within this time that a container has crashed. */
const LOOK_MS = 2_000;

const LEGAL = new Map(
  [
    'pending dispatch_ack activating',
    'pending dispatch_refused pending',
    'activating activation_started activating',
    'activating activation_completed soaking',
    'activating activation_deferred deferred',
    'activating activation_failed failed',
    'deferred activation_started deferred',
    'deferred activation_completed soaking',
    'deferred activation_failed failed',
    'soaking probe_topology_declared soaking',
    'soaking probe_observed_first soaking',
    'soaking probe_result soaking',
    'soaking probe_failure_first soaking',
    'soaking failed failed',
    'soaking converged converged',
    'failed rollback_completed reverted',
    'failed rollback_failed failed',
  ].map((line) => {
    const [from, type, to] = line.split(' ');
    return [`${from} ${type}`, to ?? ''];
  }),
);

const OPEN: ReadonlySet<string> = new Set(['active', 'paused']);
const ROLLOUT_KINDS: ReadonlySet<string> = new Set(ROLLOUT_ENTRY_KINDS);

export class LogOracle {
  readonly #around: Surroundings;
  #shadows = new Map<string, Shadow>();
  #hosts = new Map<string, { status: string; labels: Readonly<Record<string, string>> }>();
  #quarantined = new Set<string>();
  /** Quarantines that an operator has lifted: what failed before no longer asks for one. */
  #lifted = new Set<string>();
  #epochs = new Map<string, number>();
  /** How many hosts may change at once, by `label=value`. */
  #budgets = new Map<string, number>();
  readonly #touched = new Set<string>();
  /** What is to run on a stack of a host, by what last came to an end there; null: nothing. */
  #settled = new Map<string, string | null>();
  /** Stacks of hosts of which a restored server does not know what has happened, until they take up a dispatch. */
  readonly #uncertain = new Set<string>();
  #lastId = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  get rolloutIds(): string[] {
    return [...this.#shadows.keys()];
  }

  /** A host's part in a rollout, as far as it is committed. */
  part(id: string, host: string): { readonly stack: string; readonly epoch: number } | undefined {
    const shadow = this.#shadows.get(id);
    const part = shadow?.hosts.get(host);
    return shadow === undefined || part === undefined ? undefined : { stack: shadow.plan.stack, epoch: part.epoch };
  }

  /** Whether bringing up `release` leads back to what ran before the newest dispatch that the host has taken up. */
  isWayBack(host: string, stack: string, release: string): boolean {
    if (this.#uncertain.has(`${host} ${stack}`)) return false;
    const newest = this.#newestTakenUp(host, stack);
    // A release that is rolled out where it runs already goes forward: it may pull what its names stand for by now.
    return newest?.part.previous === release && newest.plan.release !== release;
  }

  /** What this returns takes it back to now, as the log of a server that is restored from a backup goes back. */
  remember(): () => void {
    const known = structuredClone({
      shadows: this.#shadows,
      hosts: this.#hosts,
      quarantined: this.#quarantined,
      lifted: this.#lifted,
      epochs: this.#epochs,
      budgets: this.#budgets,
      settled: this.#settled,
    });
    const lastId = this.#lastId;
    return () => {
      for (const [id, { plan, hosts }] of this.#shadows) {
        for (const [name, { lastSeq }] of hosts) {
          const isKnown = known.shadows.get(id)?.hosts.get(name)?.lastSeq === lastSeq;
          if (!isKnown) this.#uncertain.add(`${name} ${plan.stack}`);
        }
      }
      this.#shadows = known.shadows;
      this.#hosts = known.hosts;
      this.#quarantined = known.quarantined;
      this.#lifted = known.lifted;
      this.#epochs = known.epochs;
      this.#budgets = known.budgets;
      this.#settled = known.settled;
      this.#lastId = lastId;
    };
  }

  /** Hosts from which something is still to come in a rollout. */
  owing(id: string): string[] {
    const shadow = this.#shadows.get(id);
    if (shadow === undefined) return [];
    return [...shadow.hosts].filter(([, host]) => isBusy(shadow.plan, host)).map(([name]) => name);
  }

  /** One committed entry. */
  observe(event: LogEvent): void {
    assert(event.id > this.#lastId, `entry ${event.id} of the log comes after ${this.#lastId}`);
    this.#lastId = event.id;
    if (event.rolloutId !== null && ROLLOUT_KINDS.has(event.kind)) return this.#observeRollout(event.rolloutId, event);
    const { kind, host, data } = event;
    const key = `${data['stack']} ${data['release']}`;
    if (kind === 'budget_set') this.#budgets.set(`${data['label']}=${data['value']}`, Number(data['max_in_flight']));
    if (kind === 'budget_removed') this.#budgets.delete(`${data['label']}=${data['value']}`);
    if (kind === 'release_removed') this.#removed(String(data['stack']), String(data['release']));
    if (kind === 'release_quarantined') {
      const shadow = this.#shadows.get(String(data['rollout_id']));
      const failed = shadow?.hosts.get(host ?? '');
      const isHeard = shadow !== undefined && failed?.blames === true && isWitnessed(shadow, failed);
      assert(isHeard, `${data['release']} is quarantined on the word of ${host} alone`);
      this.#quarantined.add(key);
    }
    if (kind === 'quarantine_lifted') {
      this.#quarantined.delete(key);
      this.#lifted.add(key);
    }
    if (host === null) return;
    const known = this.#hosts.get(host);
    if (kind === 'host_added') this.#hosts.set(host, { status: 'pending', labels: labelsOf(data) });
    else if (known === undefined) return;
    else if (kind === 'host_labelled') known.labels = labelsOf(data);
    else if (kind === 'host_offline') known.status = 'offline';
    else if (kind === 'host_recovered') known.status = 'online';
    else if (kind === 'host_archived') known.status = 'archived';
  }

  /** Nothing runs it, and nothing may still bring it to a host. */
  #removed(stack: string, release: string): void {
    for (const [key, settled] of this.#settled) {
      const [host = '', of] = key.split(' ');
      if (of !== stack || settled !== release || this.#uncertain.has(key)) continue;
      assert.equal(this.#hosts.get(host)?.status, 'archived', `${release} is removed, and runs on ${host}`);
    }
    for (const { plan, status, hosts } of this.#shadows.values()) {
      if (plan.stack !== stack) continue;
      assert(!(OPEN.has(status) && plan.release === release), `${release} is removed in the midst of ${plan.id}`);
      for (const [name, host] of hosts) {
        const isNeeded = [plan.release, host.previous].includes(release) && isBusy(plan, host);
        assert(!isNeeded, `${release} is removed, and ${name} of ${plan.id} may still need it`);
      }
    }
  }

  #observeRollout(id: string, event: LogEvent): void {
    const entry = entryOf(event);
    this.#touched.add(id);
    if (entry.kind === 'rollout_created') return this.#created(id, entry.plan);
    const shadow = this.#shadows.get(id);
    assert(shadow !== undefined, 'the log of a rollout begins with rollout_created');
    const host = 'host' in entry ? shadow.hosts.get(entry.host) : undefined;
    switch (entry.kind) {
      case 'rollout_paused':
        assert.equal(shadow.status, 'active');
        shadow.status = 'paused';
        break;
      case 'rollout_resumed':
        assert.equal(shadow.status, 'paused');
        shadow.status = 'active';
        break;
      case 'rollout_aborted':
      case 'rollout_superseded':
      case 'rollout_halted':
      case 'rollout_converged':
        assert(OPEN.has(shadow.status), `${entry.kind} in ${shadow.status}`);
        shadow.status = entry.kind.slice('rollout_'.length);
        if (shadow.status === 'converged') checkConverged(shadow);
        break;
      case 'wave_promoted':
        this.#promoted(shadow, entry.wave, entry.skipped);
        break;
      case 'host_dispatched':
        assert(host !== undefined);
        this.#dispatched(shadow, entry.host, host, entry.epoch, event.atMs);
        break;
      case 'dispatch_withdrawn':
        assert(host?.offered && host.state === 'pending' && !host.left, 'only an open offer is withdrawn');
        host.offered = false;
        break;
      case 'host_reported':
        assert(host !== undefined);
        this.#reported(id, shadow, entry, host);
        break;
      case 'telemetry_judged':
        assert(host?.state === 'soaking', 'only a soak is judged');
        assert(host.verdict !== 'regressed', 'a regression stays');
        checkVerdict(entry.verdict);
        host.verdict = entry.verdict.status;
        host.isBeyondLimit =
          ['watch', 'regressed'].includes(host.verdict) && entry.verdict.figures['limits_exceeded'] !== 0;
        break;
      case 'rollout_stalled':
      case 'host_lost':
        assert(host !== undefined && host.state !== 'pending' && isInFlight(host), 'only a host on its way is lost');
        assert.equal(this.#hosts.get(entry.host)?.status, 'offline', `${entry.host} is lost`);
        if (entry.kind === 'rollout_stalled') break;
        host.state = 'failed';
        host.lost = true;
        this.#settled.delete(`${entry.host} ${shadow.plan.stack}`);
        break;
      case 'host_returned':
        assert.equal(this.#hosts.get(entry.host)?.status, 'online', `${entry.host} returns`);
        break;
      case 'host_left':
        assert(host !== undefined && !host.left, 'a host leaves once');
        assert.equal(this.#hosts.get(entry.host)?.status, 'archived');
        host.left = true;
        break;
      case 'host_dropped':
        assert(host !== undefined && !host.left, 'a host is dropped once');
        assert(!OPEN.has(shadow.status), `${entry.host} is taken over from a rollout that is ${shadow.status}`);
        host.left = true;
        break;
    }
  }

  /** After every commit. */
  checkCommitted(): void {
    for (const id of this.#touched) {
      const shadow = this.#shadows.get(id);
      if (shadow !== undefined) this.#checkAtRest(id, shadow);
    }
    this.#touched.clear();
  }

  /**
   * Compose is about to make `release` what runs of a stack; null: to take the stack away. Only a host whose
   * acknowledgement is committed may, only for the newest dispatch it has taken up, and only forward to its release or
   * back to what ran before.
   */
  checkChange(host: string, stack: string, release: string | null): void {
    if (this.#uncertain.has(`${host} ${stack}`)) return;
    const newest = this.#newestTakenUp(host, stack);
    const what = release === null ? `takes ${stack} away` : `brings up ${release.slice(0, 19)} of ${stack}`;
    assert(newest !== undefined, `${host} ${what}, and has taken up no dispatch`);
    const { plan, part } = newest;
    assert(!['converged', 'reverted'].includes(part.state), `${host} ${what}, and is ${part.state} in ${plan.id}`);
    if (release === part.previous || part.lost) return;
    assert.equal(release, plan.release, `${host} ${what}, which is not the release of ${plan.id}`);
    assert(['activating', 'deferred'].includes(part.state), `${host} ${what}, and is ${part.state} in ${plan.id}`);
  }

  #newestTakenUp(host: string, stack: string): { readonly plan: RolloutPlan; readonly part: ShadowHost } | undefined {
    let newest: { readonly plan: RolloutPlan; readonly part: ShadowHost } | undefined;
    for (const { plan, hosts } of this.#shadows.values()) {
      const part = plan.stack === stack ? hosts.get(host) : undefined;
      if (part === undefined || part.state === 'pending') continue;
      if (newest === undefined || part.epoch > newest.part.epoch) newest = { plan, part };
    }
    return newest;
  }

  /** Once the faults have stopped and everything has come to rest. */
  checkEnd(): void {
    for (const [id, { plan, hosts, status }] of this.#shadows) {
      for (const [name, host] of hosts) {
        assert(!isBusy(plan, host), `${name} is ${host.state} in ${id}, which is ${status}: something is still owed`);
      }
    }
    const stacks = new Set([...this.#shadows.values()].map(({ plan }) => plan.stack));
    for (const [host, { status }] of this.#hosts) {
      if (status !== 'archived') for (const stack of stacks) this.#checkRunning(host, stack);
    }
  }

  /** What the server says of a host is what runs there. */
  #checkRunning(host: string, stack: string): void {
    if (this.#uncertain.has(`${host} ${stack}`)) return;
    const running = [...this.#around.runningOn(host, stack)];
    const what = `what runs of ${stack} on ${host}`;
    const settled = this.#settled.get(`${host} ${stack}`);
    if (settled !== undefined) return assert.deepEqual(running, settled === null ? [] : [settled], what);
    const newest = this.#newestTakenUp(host, stack);
    if (newest === undefined) return assert.deepEqual(running, [], `${what}, where nothing was ever taken up`);
    // It has failed and is left for inspection: half of it may run.
    const { plan, part } = newest;
    assert.equal(part.state, 'failed', `${host} is ${part.state} in ${plan.id}`);
    // One that was taken over from has left its own release behind, where the newer one failed before it touched anything.
    const left = [...this.#shadows.values()].filter(({ hosts }) => hosts.get(host)?.left === true);
    const known = new Set([plan.release, part.previous, ...left.map((other) => other.plan.release)]);
    for (const release of running) assert(known.has(release), `${what}: ${release}`);
  }

  #checkAtRest(id: string, { plan, hosts, status, isCondemned }: Shadow): void {
    let inFlight = 0;
    let failed = 0;
    for (const [name, host] of hosts) {
      if (isInFlight(host)) inFlight += 1;
      if (host.state === 'failed' || host.state === 'reverted') failed += 1;
      const isStale = host.offered && host.state === 'pending' && !host.left && status !== 'active';
      assert(!isStale, `${name} still has an offer of a rollout that is ${status}`);
    }
    assert(inFlight <= plan.maxInFlight, `${inFlight} hosts in flight, and max_in_flight is ${plan.maxInFlight}`);
    if (failed > plan.failureThreshold) assert(!OPEN.has(status), `${failed} failed, and ${id} goes on`);
    const key = `${plan.stack} ${plan.release}`;
    const isKept = this.#quarantined.has(key) || this.#lifted.has(key);
    assert(isKept || !isCondemned, `${failed} failed, and ${plan.release} is not quarantined`);
  }

  #created(id: string, plan: RolloutPlan): void {
    const hosts = new Map<string, ShadowHost>();
    for (const [wave, names] of plan.waves.entries()) {
      for (const name of names) {
        hosts.set(name, {
          wave,
          state: 'pending',
          offered: false,
          epoch: 0,
          left: false,
          lastSeq: 0,
          soakFromMs: Infinity,
          soakDueMs: Infinity,
          previous: null,
          verdict: 'none',
          isBeyondLimit: false,
          blames: false,
          stuck: false,
          lost: false,
          failing: new Set(),
        });
      }
    }
    for (const [other, shadow] of this.#shadows) {
      if (shadow.plan.stack !== plan.stack || !OPEN.has(shadow.status)) continue;
      for (const [name, host] of shadow.hosts) {
        assert(host.left || !hosts.has(name), `${name} is in two open rollouts, ${other} and ${id}`);
      }
    }
    this.#shadows.set(id, { plan, hosts, status: 'active', wave: 0, isCondemned: false });
  }

  #dispatched(shadow: Shadow, name: string, host: ShadowHost, epoch: number, atMs: number): void {
    const { plan, hosts } = shadow;
    const known = this.#hosts.get(name);
    assert.equal(shadow.status, 'active');
    assert(host.state === 'pending' && !host.offered && !host.left, `${name} is dispatched as ${host.state}`);
    assert(host.wave <= shadow.wave, `${name} is dispatched before its wave`);
    const isLive = known?.status === 'online' || (known?.status === 'pending' && this.#around.hasBeenHeard(name));
    assert(isLive, `${name} is dispatched while it is ${known?.status}`);
    assert(!this.#quarantined.has(`${plan.stack} ${plan.release}`), `${plan.release} is dispatched from quarantine`);
    assert(isInWindow(known.labels['maintenance-window'], atMs), `${name} is out of its window`);
    for (const before of (known.labels['after'] ?? '').split(',')) {
      const awaited = hosts.get(before);
      const isThrough = awaited === undefined || awaited.state === 'converged' || awaited.left;
      assert(isThrough, `${name} goes before ${before}`);
    }
    for (const other of this.#shadows.values()) {
      const busy = other !== shadow && other.plan.stack === plan.stack ? other.hosts.get(name) : undefined;
      const isFree = busy === undefined || !isBusy(other.plan, busy) || yields(other.status, busy);
      assert(isFree, `${name} is dispatched while it is at work`);
    }
    this.#checkBudgets(name, known.labels);
    const key = `${plan.stack} ${name}`;
    assert(epoch > (this.#epochs.get(key) ?? 0), `epoch ${epoch} of ${name} does not rise`);
    this.#epochs.set(key, epoch);
    host.epoch = epoch;
    host.offered = true;
  }

  #checkBudgets(name: string, labels: Readonly<Record<string, string>>): void {
    const changing = new Set<string>();
    for (const { plan, hosts } of this.#shadows.values()) {
      for (const [other, host] of hosts) if (isBusy(plan, host)) changing.add(other);
    }
    if (changing.has(name)) return;
    for (const [budget, most] of this.#budgets) {
      const [label = '', value] = budget.split('=');
      if (labels[label] !== value) continue;
      const count = [...changing].filter((other) => this.#hosts.get(other)?.labels[label] === value).length;
      assert(count < most, `${name} is dispatched while ${count} hosts of ${budget} change, and ${most} may`);
    }
  }

  #promoted(shadow: Shadow, wave: number, skipped: readonly string[]): void {
    assert.equal(shadow.status, 'active');
    assert.equal(wave, shadow.wave + 1);
    let converged = 0;
    let stayed = 0;
    for (const [name, host] of shadow.hosts) {
      assert(!isInFlight(host), `wave ${wave} begins while ${name} is in flight`);
      if (host.wave !== shadow.wave) continue;
      if (host.state === 'converged') converged += 1;
      if (!(host.left && host.state !== 'failed')) stayed += 1;
      if (host.state !== 'pending' || host.left) continue;
      assert(skipped.includes(name), `${name} is left behind unnamed`);
      assert.notEqual(this.#hosts.get(name)?.status, 'online', `${name} is live, and wave ${wave} begins without it`);
    }
    assert(converged > 0 || stayed === 0, `wave ${wave} begins, and nothing converged in the one before`);
    shadow.wave = wave;
  }

  #reported(
    id: string,
    shadow: Shadow,
    { host: name, numbered }: Extract<RolloutEntry, { kind: 'host_reported' }>,
    host: ShadowHost,
  ): void {
    const { event, seq } = numbered;
    const next = LEGAL.get(`${host.state} ${event.type}`);
    assert(next !== undefined, `${event.type} was taken from ${name}, which is ${host.state}`);
    assert(seq > host.lastSeq, `event ${seq} of ${name} was applied after ${host.lastSeq}`);
    assert(!host.left, `${name} has left`);
    const arrivedAtMs = this.#around.arrivedAtMs(id, name, seq);
    assert(arrivedAtMs !== undefined, `event ${seq} of ${name} in ${id} was applied, and never sent`);
    host.lastSeq = seq;
    host.state = next;
    this.#note(shadow, name, host, event, arrivedAtMs);
    if (next === 'activating') this.#settled.delete(`${name} ${shadow.plan.stack}`);
  }

  #note(shadow: Shadow, name: string, host: ShadowHost, event: AgentEvent, arrivedAtMs: number): void {
    const { plan, status } = shadow;
    const key = `${name} ${plan.stack}`;
    switch (event.type) {
      case 'dispatch_ack':
        assert.equal(status, 'active');
        assert(host.offered, `${name} acknowledged an offer that was withdrawn`);
        host.previous = event.currentRelease;
        this.#uncertain.delete(key);
        break;
      case 'activation_completed':
        assert.equal(event.observedRelease, plan.release);
        host.soakFromMs = arrivedAtMs;
        host.soakDueMs = arrivedAtMs + plan.policy.soakSeconds * 1000 * (1 - MAX_DRIFT);
        break;
      case 'probe_result':
        if (event.status === 'pass') host.failing.delete(event.probe);
        else if (event.mode === 'enforce') host.failing.add(event.probe);
        break;
      case 'converged':
        this.#checkHostConverged(plan, name, host, event.currentRelease);
        this.#settled.set(key, plan.release);
        break;
      case 'failed':
      case 'activation_failed':
        this.#settled.delete(key);
        host.blames = event.type === 'failed' || event.trouble === undefined;
        if (host.blames) blame(shadow, host);
        break;
      case 'dispatch_refused':
        host.offered = false;
        break;
      case 'rollback_failed':
        host.stuck = true;
        break;
      case 'rollback_completed':
        this.#settled.set(key, event.revertedToRelease);
        break;
      default:
        break;
    }
  }

  #checkHostConverged(plan: RolloutPlan, name: string, host: ShadowHost, release: string): void {
    assert.equal(release, plan.release);
    assert(!this.#around.mustFail(release), `${name} converged on what cannot work`);
    const { soakFromMs, soakDueMs } = host;
    const seenMs = soakFromMs + (soakDueMs - soakFromMs) * (1 - MAX_CLOCK_ERROR) - LOOK_MS;
    const hasLooped = this.#around.hasLoopedWithin(name, plan.stack, soakFromMs, seenMs);
    assert(!hasLooped, `${name} converged on what has crashed in its soak, and crashes again and again`);
    const earlyMs = this.#around.areSoaksTrue() ? host.soakDueMs - this.#around.nowMs() : 0;
    assert(earlyMs <= 0, `${name} converged ${earlyMs} ms early`);
    assert.equal([...host.failing].join(), '', `${name} converged with failing probes`);
    assert(!['watch', 'regressed'].includes(host.verdict), `${name} converged although its telemetry is bad`);
    if (plan.policy.telemetry.mode === 'required') assert.equal(host.verdict, 'ok');
    assert.deepEqual([...this.#around.runningOn(name, plan.stack)], [plan.release], `what runs on ${name}`);
  }
}

/** Nothing is well before both were judged. */
function checkVerdict({ status, figures }: TelemetryVerdict): void {
  const judged = [figures['memory_growth_mb_per_minute'], figures['cpu_percent']];
  assert(status !== 'ok' || judged.every((figure) => typeof figure === 'number'), 'a soak that is ok was judged');
}

function checkConverged({ hosts, plan }: Shadow): void {
  let failed = 0;
  let converged = 0;
  for (const [name, host] of hosts) {
    if (host.state === 'converged') converged += 1;
    else if (host.state === 'failed' || host.state === 'reverted') failed += 1;
    else assert(host.left, `the rollout converged, and ${name} is ${host.state}`);
  }
  assert(failed <= plan.failureThreshold && (failed === 0 || converged > 0), 'failures read as converged');
}

/** The release has failed this host: that may be enough against it. */
function blame(shadow: Shadow, host: ShadowHost): void {
  shadow.isCondemned ||= isWitnessed(shadow, host) && countBlames(shadow) > shadow.plan.failureThreshold;
}

/** Whether others speak against the release as well, or there is no other to ask. */
function isWitnessed(shadow: Shadow, host: ShadowHost): boolean {
  const others = [...shadow.hosts.values()].filter((one) => one !== host && one.wave === host.wave && !one.left);
  return countBlames(shadow) > 1 || others.length === 0 || host.isBeyondLimit;
}

function countBlames({ hosts }: Shadow): number {
  return [...hosts.values()].filter(({ blames }) => blames).length;
}

function isInFlight(host: ShadowHost): boolean {
  if (host.left) return false;
  return host.state === 'pending' ? host.offered : ['activating', 'deferred', 'soaking'].includes(host.state);
}

/** A newer rollout may take it over: its agent has nothing in hand. */
function yields(status: string, host: ShadowHost): boolean {
  return !OPEN.has(status) && (['soaking', 'deferred'].includes(host.state) || host.stuck);
}

function isBusy(plan: RolloutPlan, host: ShadowHost): boolean {
  const goesBack = plan.policy.onHealthFailure === 'rollback-and-halt';
  return isInFlight(host) || (host.state === 'failed' && !host.left && goesBack);
}

function labelsOf(data: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return (data['labels'] ?? {}) as Readonly<Record<string, string>>;
}

/** Windows in simulations are of one form: `HH:MM-HH:MM`, not passing midnight. */
function isInWindow(window: string | undefined, atMs: number): boolean {
  if (window === undefined) return true;
  const [from = '', to = ''] = window.split('-');
  const time = new Date(atMs).toISOString().slice(11, 16);
  return time >= from && time < to;
}
