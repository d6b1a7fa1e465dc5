/** What going back leaves as it was before the rollout: jobs that had ended, and services that were unwell already. */
import assert from 'node:assert/strict';
import { SICK, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { BRISK_HEALTHCHECK, ONLY_ONCE, SOON_SICK } from '../services.ts';

const AFTER_MIGRATION = { depends_on: { migrate: { condition: 'service_completed_successfully' } } };

export const backAsBeforeRows: readonly FieldRow[] = [
  {
    stack: 'jobback',
    promise: 'a finished migration of the release before is left alone on the way back, and its service runs',
    story: async (site) => {
      const top = { volumes: { data: {} } };
      const migrate = { ...ONLY_ONCE, volumes: ['data:/data'] };
      const web = { runs: WELL, volumes: ['data:/data'], ...AFTER_MIGRATION };
      const v1 = await site.release('1', { migrate, web }, { top });
      const v2 = await site.release('2', { web: { ...SOON_SICK, volumes: ['data:/data'] } }, { top });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'reverted');
      const { state, health } = await site.host.container('web');
      assert.deepEqual([state, health], ['running', 'healthy']);
      assert.equal(await site.host.exec('web', 'cat', '/data/runs'), 'run', 'the migration ran once');
      await site.requireQuarantine(v2, /jobback-web-1 is unhealthy/);
      await site.requireExplained(rollout, /was rolled back to jobback 1 /);
    },
  },
  {
    stack: 'nobetter',
    promise: 'a release that was unwell before is gone back to as unwell as it was, and that is said',
    story: async (site) => {
      const top = { volumes: { flags: { external: true, name: 'nobetter-flags' } } };
      const web = {
        runs: SICK,
        volumes: ['flags:/flags'],
        healthcheck: { ...BRISK_HEALTHCHECK, test: ['CMD', 'test', '-f', '/flags/flag'] },
      };
      await site.host.docker('volume', 'create', '--label', 'field.row=nobetter', 'nobetter-flags');
      await site.host.docker(
        'run',
        '--rm',
        '--volume',
        'nobetter-flags:/flags',
        'nexus-lab/busybox:1',
        'touch',
        '/flags/flag',
      );
      const v1 = await site.release('1', { web }, { top });
      const v2 = await site.release('2', { web: SOON_SICK }, { top });
      await site.deploy(v1);
      await site.host.exec('web', 'rm', '/flags/flag');
      await site.until('release 1 to be unwell', async () => (await site.host.container('web')).health === 'unhealthy');
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'reverted');
      const { imageId, state } = await site.host.container('web');
      assert.deepEqual([imageId, state], [v1.services['web']?.imageId, 'running']);
      await site.requireExplained(rollout, /was rolled back to nobetter 1 .*unhealthy/);
    },
  },
  {
    stack: 'jobfails',
    promise: 'a job that is to run again on the way back and fails is no host that went back',
    story: async (site) => {
      const top = { volumes: { data: {} } };
      const migrate = { ...ONLY_ONCE, volumes: ['data:/data'] };
      const web = { runs: WELL, ...AFTER_MIGRATION };
      const v1 = await site.release('1', { migrate, web }, { top, policy: { rerun_jobs_on_rollback: true } });
      const v2 = await site.release('2', { web: SOON_SICK }, { top, policy: { rerun_jobs_on_rollback: true } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.until('the way back to be reported as failed', async () =>
        (await site.log(rollout)).includes('"rollback_failed"'),
      );
      const { hosts } = await site.operator.getRollout(rollout.id);
      assert.equal(hosts[0]?.state, 'failed');
      await site.requireExplained(rollout, /jobfails-migrate-1.*exit(?:ed with)? code 1/);
      await site.requireQuarantine(v2, /jobfails-web-1 is unhealthy/);
    },
  },
];
