import type { LogEventBody } from '../../src/wire/operator.ts';
import type { QuarantineBody, ReleaseBody } from '../../src/wire/release.ts';
import type { RolloutBody, RolloutHostBody, RolloutPlanBody, RolloutSummaryBody } from '../../src/wire/rollout.ts';

export const SHOP_1_4 = `sha256:4f2a9c01b7de${'0'.repeat(52)}`;
export const SHOP_1_5 = `sha256:9ad49925e0e3${'0'.repeat(52)}`;

export function sampleRelease(changes: Partial<ReleaseBody> = {}): ReleaseBody {
  return {
    digest: SHOP_1_5,
    stack: 'shop',
    version: '1.5',
    created_at: '2026-05-01T11:50:00.000Z',
    quarantine: null,
    ...changes,
  };
}

export function olderRelease(): ReleaseBody {
  return sampleRelease({ digest: SHOP_1_4, version: '1.4', created_at: '2026-04-30T12:00:00.000Z' });
}

export function sampleQuarantine(): QuarantineBody {
  return {
    stack: 'shop',
    release: SHOP_1_5,
    rollout_id: 'ro_1',
    host: 'web-1',
    failing_probes: ['front'],
    output: 'front: HTTP 502\nupstream is gone',
    since: '2026-05-01T11:58:00.000Z',
  };
}

/** A manifest as it was sent: without what the schema fills in. */
export const SENT_MANIFEST = {
  kind: 'nexus.release/1',
  stack: 'shop',
  version: '1.5',
  compose: 'services:\n  front:\n    image: nginx:1.27\n',
  probes: [{ name: 'front', mode: 'enforce', http: { url: 'http://127.0.0.1:8080/health' } }],
  policy: { soak_seconds: 90 },
};

/** A host that nothing has happened to yet. */
export function rolloutHost(name: string, changes: Partial<RolloutHostBody> = {}): RolloutHostBody {
  return {
    name,
    state: 'pending',
    wave: 0,
    held_by: null,
    state_since: '2026-05-01T11:58:00.000Z',
    dispatched_at: null,
    epoch: null,
    last_event_seq: 0,
    previous_release: null,
    soak_due_at: null,
    left: false,
    probes: [],
    telemetry: null,
    failure: null,
    refusal: null,
    deferral: null,
    images: [],
    rollback_failure: null,
    offline_since: null,
    lost_at: null,
    dropped: null,
    ...changes,
  };
}

function countHosts(hosts: readonly RolloutHostBody[]): RolloutSummaryBody['counts'] {
  const of = (isOne: (host: RolloutHostBody) => boolean): number => hosts.filter(isOne).length;
  const failed = of((host) => host.state === 'failed' || host.state === 'reverted');
  const converged = of((host) => host.state === 'converged');
  const left = of((host) => host.left && ['pending', 'activating', 'deferred', 'soaking'].includes(host.state));
  const pending = of((host) => host.state === 'pending' && host.epoch === null && !host.left);
  const inFlight = hosts.length - failed - converged - left - pending;
  return { hosts: hosts.length, pending, in_flight: inFlight, converged, failed, left };
}

/** A rollout of shop 1.5 to these hosts, two minutes old. */
export function sampleRollout(hosts: readonly RolloutHostBody[], changes: Partial<RolloutBody> = {}): RolloutBody {
  const waveCount = Math.max(...hosts.map((host) => host.wave)) + 1;
  return {
    id: 'ro_1',
    stack: 'shop',
    release: SHOP_1_5,
    version: '1.5',
    state: 'active',
    state_since: '2026-05-01T11:58:00.000Z',
    reason: '',
    current_wave: 0,
    created_at: '2026-05-01T11:58:00.000Z',
    max_in_flight: 5,
    failure_threshold: 0,
    soak_seconds: 60,
    counts: countHosts(hosts),
    waves: Array.from({ length: waveCount }, (_, wave) => ({
      hosts: hosts.filter((host) => host.wave === wave).map((host) => host.name),
      soak_seconds: changes.soak_seconds ?? 60,
    })),
    hosts: [...hosts],
    ...changes,
  };
}

export function summaryOf(rollout: RolloutBody): RolloutSummaryBody {
  const { waves: _waves, hosts: _hosts, ...summary } = rollout;
  return summary;
}

export function samplePlan(): RolloutPlanBody {
  return {
    stack: 'shop',
    release: SHOP_1_5,
    waves: [
      { hosts: [{ name: 'web-1', runs: SHOP_1_4, findings: [] }] },
      {
        hosts: [
          { name: 'web-2', runs: null, findings: [{ severity: 'hold', message: "'web-2' is offline" }] },
          {
            name: 'web-3',
            runs: SHOP_1_5,
            findings: [{ severity: 'warning', message: '900 MB of its disk are free' }],
          },
        ],
      },
    ],
    supersedes: ['ro_0'],
    notes: ['A soak of 2 s is too short to judge memory, which takes 45 s: hosts converge without that.'],
  };
}

/** An entry of the log of `ro_1`; `second` is of 11:58. */
export function logEntry(
  id: number,
  second: number,
  kind: string,
  host: string | null,
  data: Record<string, unknown> = {},
): LogEventBody {
  const at = `2026-05-01T11:58:${String(second).padStart(2, '0')}.000Z`;
  return { id, at, kind, host, rollout_id: 'ro_1', data };
}

/** An event that an agent reported, as the log shows it. */
export function reported(
  id: number,
  second: number,
  host: string,
  fact: Record<string, unknown> & { type: string },
): LogEventBody {
  return logEntry(id, second, 'host_reported', host, { numbered: { seq: id, body_digest: 'ab', fact } });
}
