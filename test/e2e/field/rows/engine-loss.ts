/** Hosts whose engine dies in the middle of their activation. */
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL } from '../services.ts';

export const engineLossRows: readonly FieldRow[] = [
  {
    stack: 'enginedies',
    promise: 'an engine that dies in the activation is said, and the host ends whole once it is back',
    engines: 'own',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const v2 = await site.release('2', { web: ALSO_WELL });
      await site.registry.fail({ kind: 'hangs' });
      const rollout = await site.begin(v2);
      await site.until('the pull to hang', async () => site.registry.requests.some(({ status }) => status === null));
      await site.host.engine.kill();
      await site.until('explain to name the engine', async () => /Docker Engine/.test(await site.explain(rollout)));
      await site.registry.recover();
      await site.host.engine.restart();
      await site.expectConverged(rollout);
    },
  },
];
