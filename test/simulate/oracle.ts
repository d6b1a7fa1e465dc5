/**
 * A second opinion: it reads nothing but the log, the server's own knowledge of its hosts, and what the agents really
 * do, and judges by its own small bookkeeping. Deliberately written without the core, table included, so that a mistake
 * there is not repeated here.
 */
import assert from 'node:assert/strict';
import type { RolloutEntry, RolloutPlan } from '../../src/domain/rollout.ts';

interface ShadowHost {
  readonly wave: number;
  state: string;
  offered: boolean;
  epoch: number;
  left: boolean;
  lastSeq: number;
  soakDueMs: number;
  previous: string | null;
  verdict: string;
  readonly failing: Set<string>;
}

interface Shadow {
  readonly plan: RolloutPlan;
  readonly hosts: Map<string, ShadowHost>;
  status: string;
  wave: number;
}

/** What the oracle may look at of the world. */
export interface State {
  /** The status a host has in the server's books; undefined: no such host. */
  statusOf(host: string): string | undefined;
  labelsOf(host: string): Readonly<Record<string, string>>;
  isQuarantined(stack: string, release: string): boolean;
  /** What really runs. */
  runningOn(host: string, stack: string): string | null;
}

const LEGAL = new Map(
  [
    'pending dispatch_ack activating',
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
  ].map((line) => {
    const [from, type, to] = line.split(' ');
    return [`${from} ${type}`, to ?? ''];
  }),
);

const OPEN = new Set(['active', 'paused']);

export class Oracle {
  world: State | null = null;
  heard: (id: string, entry: RolloutEntry) => void = () => {};
  readonly #shadows = new Map<string, Shadow>();
  readonly #epochs = new Map<string, number>();
  readonly #lifted = new Set<string>();
  /** What last came to a good end on a stack of a host, and is to run there. */
  readonly #settled = new Map<string, string | null>();

  observe(id: string, entry: RolloutEntry, atMs: number): void {
    this.heard(id, entry);
    if (entry.kind === 'rollout_created') return this.#created(id, entry.plan);
    const shadow = this.#shadows.get(id);
    assert(shadow !== undefined, 'a log begins with rollout_created');
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
        if (shadow.status === 'converged') this.#checkConverged(shadow);
        break;
      case 'wave_promoted':
        this.#promoted(shadow, entry.wave, entry.skipped);
        break;
      case 'host_dispatched':
        assert(host !== undefined);
        this.#dispatched(shadow, entry.host, host, entry.epoch, atMs);
        break;
      case 'dispatch_withdrawn':
        assert(host?.offered && host.state === 'pending' && !host.left, 'only an open offer is withdrawn');
        host.offered = false;
        break;
      case 'host_reported':
        assert(host !== undefined);
        this.#reported(shadow, entry, host, atMs);
        break;
      case 'telemetry_judged':
        assert(host?.state === 'soaking', 'only a soak is judged');
        assert(host.verdict !== 'regressed', 'a regression stays');
        host.verdict = entry.verdict.status;
        break;
      case 'host_left':
        assert(host !== undefined && !host.left, 'a host leaves once');
        assert.equal(this.#world.statusOf(entry.host), 'archived');
        host.left = true;
        break;
    }
  }

  /** An operator lifted a quarantine; what failed before no longer asks for one. */
  lifted(stack: string, release: string): void {
    this.#lifted.add(`${stack} ${release}`);
  }

  /** The agent is about to touch a stack. */
  acts(host: string, rolloutId: string): void {
    const shadow = this.#shadows.get(rolloutId);
    const part = shadow?.hosts.get(host);
    assert(shadow !== undefined && part !== undefined);
    const { stack } = shadow.plan;
    if (part.left) return;
    assert.notEqual(part.state, 'pending', `${host} acts on ${rolloutId} although its ack was not taken`);
    for (const [other, { plan, hosts }] of this.#shadows) {
      const busy = other !== rolloutId && plan.stack === stack ? hosts.get(host) : undefined;
      assert(busy === undefined || !isBusy(plan, busy), `${host} is at work on ${stack} for ${other} and ${rolloutId}`);
    }
  }

  /** After every transaction. */
  atRest(id: string, stored: { readonly hosts: ReadonlyMap<string, { state: string; left: boolean }> }): void {
    const shadow = this.#shadows.get(id);
    assert(shadow !== undefined);
    const { plan, hosts, status } = shadow;
    let inFlight = 0;
    let failed = 0;
    for (const [name, host] of hosts) {
      const kept = stored.hosts.get(name);
      assert.equal(`${kept?.state} ${kept?.left}`, `${host.state} ${host.left}`, `${name} in ${id}`);
      if (isInFlight(host)) inFlight += 1;
      if (host.state === 'failed' || host.state === 'reverted') failed += 1;
      const stale = host.offered && host.state === 'pending' && !host.left && status !== 'active';
      assert(!stale, `${name} still has an offer of a rollout that is ${status}`);
    }
    assert(inFlight <= plan.maxInFlight, `${inFlight} hosts in flight`);
    if (failed <= plan.failureThreshold) return;
    assert(!OPEN.has(status), `${failed} failed, and ${id} goes on`);
    const known =
      this.#world.isQuarantined(plan.stack, plan.release) || this.#lifted.has(`${plan.stack} ${plan.release}`);
    assert(known, `${failed} failed, and ${plan.release} is not quarantined`);
  }

  /** Once faults have stopped and everything came to rest. */
  atTheEnd(): void {
    for (const [id, { plan, hosts, status }] of this.#shadows) {
      for (const [name, host] of hosts) {
        assert(!isBusy(plan, host), `${name} is ${host.state} in ${id}, which is ${status}: something is still owed`);
      }
    }
    for (const [key, release] of this.#settled) {
      const [host = '', stack = ''] = key.split(' ');
      if (this.#world.statusOf(host) === 'archived') continue;
      assert.equal(this.#world.runningOn(host, stack), release, `what runs of ${stack} on ${host}`);
    }
  }

  get #world(): State {
    assert(this.world !== null);
    return this.world;
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
          soakDueMs: Infinity,
          previous: null,
          verdict: 'none',
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
    this.#shadows.set(id, { plan, hosts, status: 'active', wave: 0 });
  }

  #dispatched(shadow: Shadow, name: string, host: ShadowHost, epoch: number, atMs: number): void {
    const { plan, hosts } = shadow;
    assert.equal(shadow.status, 'active');
    assert(host.state === 'pending' && !host.offered && !host.left, `${name} is dispatched as ${host.state}`);
    assert(host.wave <= shadow.wave, `${name} is dispatched before its wave`);
    assert.equal(this.#world.statusOf(name), 'online', `${name} is dispatched unseen`);
    assert(!this.#world.isQuarantined(plan.stack, plan.release), `${plan.release} is dispatched from quarantine`);
    assert(isInWindow(this.#world.labelsOf(name)['maintenance-window'], atMs), `${name} is out of its window`);
    for (const before of (this.#world.labelsOf(name)['after'] ?? '').split(',')) {
      const awaited = hosts.get(before);
      const through = awaited === undefined || awaited.state === 'converged' || awaited.left;
      assert(through, `${name} goes before ${before}`);
    }
    for (const other of this.#shadows.values()) {
      const busy = other !== shadow && other.plan.stack === plan.stack ? other.hosts.get(name) : undefined;
      assert(busy === undefined || !isBusy(other.plan, busy), `${name} is dispatched while it is at work`);
    }
    const key = `${plan.stack} ${name}`;
    assert(epoch > (this.#epochs.get(key) ?? 0), `epoch ${epoch} of ${name} does not rise`);
    this.#epochs.set(key, epoch);
    host.epoch = epoch;
    host.offered = true;
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
      assert.notEqual(this.#world.statusOf(name), 'online', `${name} is live, and wave ${wave} begins without it`);
    }
    assert(converged > 0 || stayed === 0, `wave ${wave} begins, and nothing converged in the one before`);
    shadow.wave = wave;
  }

  #reported(
    shadow: Shadow,
    { host: name, numbered }: Extract<RolloutEntry, { kind: 'host_reported' }>,
    host: ShadowHost,
    atMs: number,
  ): void {
    const { event, seq } = numbered;
    const { plan } = shadow;
    const next = LEGAL.get(`${host.state} ${event.type}`);
    assert(next !== undefined, `${event.type} was taken from ${name}, which is ${host.state}`);
    assert(seq > host.lastSeq, `event ${seq} of ${name} was applied after ${host.lastSeq}`);
    assert(!host.left, `${name} has left`);
    host.lastSeq = seq;
    host.state = next;
    switch (event.type) {
      case 'dispatch_ack':
        assert.equal(shadow.status, 'active');
        assert(host.offered, `${name} acknowledged an offer that was withdrawn`);
        host.previous = event.currentRelease;
        break;
      case 'activation_completed':
        assert.equal(event.observedRelease, plan.release);
        host.soakDueMs = atMs + plan.policy.soakSeconds * 1000;
        break;
      case 'probe_result':
        if (event.status === 'pass') host.failing.delete(event.probe);
        else if (event.mode === 'enforce') host.failing.add(event.probe);
        break;
      case 'converged':
        assert.equal(event.currentRelease, plan.release);
        assert(atMs >= host.soakDueMs, `${name} converged ${host.soakDueMs - atMs} ms early`);
        assert.equal([...host.failing].join(), '', `${name} converged with failing probes`);
        assert(!['watch', 'regressed'].includes(host.verdict), `${name} converged although its telemetry is bad`);
        if (plan.policy.telemetry.mode === 'required') assert.equal(host.verdict, 'ok');
        assert.equal(this.#world.runningOn(name, plan.stack), plan.release, `what runs on ${name}`);
        this.#settled.set(`${name} ${plan.stack}`, plan.release);
        break;
      case 'failed':
      case 'activation_failed':
        this.#settled.delete(`${name} ${plan.stack}`);
        break;
      case 'rollback_completed':
        this.#settled.set(`${name} ${plan.stack}`, host.previous);
        break;
      default:
        break;
    }
    if (next === 'activating') this.#settled.delete(`${name} ${plan.stack}`);
  }

  #checkConverged({ hosts, plan }: Shadow): void {
    let failed = 0;
    let converged = 0;
    for (const [name, host] of hosts) {
      if (host.state === 'converged') converged += 1;
      else if (host.state === 'failed' || host.state === 'reverted') failed += 1;
      else assert(host.left, `the rollout converged, and ${name} is ${host.state}`);
    }
    assert(failed <= plan.failureThreshold && (failed === 0 || converged > 0), 'failures read as converged');
  }
}

function isInFlight(host: ShadowHost): boolean {
  if (host.left) return false;
  return host.state === 'pending' ? host.offered : ['activating', 'deferred', 'soaking'].includes(host.state);
}

function isBusy(plan: RolloutPlan, host: ShadowHost): boolean {
  const goesBack = plan.policy.onHealthFailure === 'rollback-and-halt';
  return isInFlight(host) || (host.state === 'failed' && !host.left && goesBack);
}

/** Windows in simulations are of one form: `HH:MM-HH:MM`, not passing midnight. */
function isInWindow(window: string | undefined, atMs: number): boolean {
  if (window === undefined) return true;
  const [from = '', to = ''] = window.split('-');
  const time = new Date(atMs).toISOString().slice(11, 16);
  return time >= from && time < to;
}
