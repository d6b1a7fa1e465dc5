/** Crash loops that are slow enough to slip through, and the evidence that a failure leaves. */
import assert from 'node:assert/strict';
import { shell, WELL } from '../../support/sample-stack.ts';
import type { ServiceKeys } from '../compose-project.ts';
import type { FieldRow } from '../row.ts';
import { onceTold } from '../services.ts';
import type { Site, SiteRollout } from '../site.ts';

/** What a release has that says nothing of its policy. */
const AS_DELIVERED = { soak_seconds: 60, sustained_failure_seconds: 15 };
/** Runs for a good while each time before it crashes. */
const SLOW_LOOP = { runs: shell('sleep 25 & wait', 'exit 1'), healthcheck: null };

/** Release 2 is told to die in its soak, and what ran before is back. */
async function diesInItsSoak(site: Site, web: ServiceKeys): Promise<SiteRollout> {
  const v1 = await site.release('1', { web: WELL });
  const service = { ...web, restart: 'no', healthcheck: null };
  const v2 = await site.release('2', { web: service }, { policy: { soak_seconds: 600 } });
  await site.deploy(v1);
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'soaking');
  await site.host.tell('web');
  await site.hostReaches(rollout, site.host, 'reverted');
  await site.requireRuns(site.host, v1);
  return rollout;
}

export const crashRows: readonly FieldRow[] = [
  {
    stack: 'slowloop',
    promise: 'a service that crashes every 25 seconds does not converge by the defaults',
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SLOW_LOOP }, { policy: AS_DELIVERED });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: ['running:web'],
        explain: /slowloop-web-1 .*(?:code 1|restart)/,
      });
    },
  },
  {
    stack: 'allowed',
    promise: 'as many restarts as the policy allows are no failure',
    isLong: true,
    story: async (site) => {
      const policy = { ...AS_DELIVERED, max_restarts: 5 };
      const v1 = await site.release('1', { web: SLOW_LOOP }, { policy });
      await site.deploy(v1);
    },
  },
  {
    stack: 'evidence',
    promise: 'exit code and last words of a service are kept after its container is gone',
    story: async (site) => {
      const dies = onceTold('echo migrating to 42', 'echo the table orders is locked >&2', 'exit 7');
      const rollout = await diesInItsSoak(site, { runs: dies });
      await site.requireQuarantine(rollout.release, /exited with code 7/);
      // Two streams have no order between them.
      await site.requireQuarantine(rollout.release, /migrating to 42\n/);
      await site.requireQuarantine(rollout.release, /the table orders is locked\n/);
      await site.requireExplained(rollout, [/exited with code 7/, /the table orders is locked/]);
    },
  },
  {
    stack: 'evidencekilled',
    promise: 'a container that the kernel killed for its memory is evidence by that name',
    story: async (site) => {
      const eats = onceTold(`exec awk 'BEGIN { s = "x"; while (1) s = s s }'`);
      const rollout = await diesInItsSoak(site, { runs: eats, mem_limit: '24m', memswap_limit: '24m' });
      await site.requireQuarantine(rollout.release, /OOMKilled|out of memory/);
      await site.requireExplained(rollout, /OOMKilled|out of memory/);
    },
  },
  {
    stack: 'evidencestart',
    promise: 'the last words of a service that never came up are kept too',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const dies = shell('echo the variable LICENSE is missing >&2', 'exit 2');
      const v2 = await site.release('2', { web: { runs: dies, restart: 'no', healthcheck: null } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /the variable LICENSE is missing/,
        explain: /code 2/,
      });
    },
  },
  {
    stack: 'rounds',
    promise: 'a service that ends with code 0 after each round of work and is started again has not crashed',
    story: async (site) => {
      const rounds = { runs: shell('sleep 9 & wait $!'), healthcheck: null };
      const v1 = await site.release('1', { web: rounds }, { policy: { soak_seconds: 13 } });
      await site.deploy(v1);
      assert.equal((await site.host.container('web')).restartCount, 1);
    },
  },
];
