/** The end of the pull budget: a failed host that counts, and no word against the release. */
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL } from '../services.ts';

export const pullBudgetRows: readonly FieldRow[] = [
  {
    stack: 'pullbudget',
    promise: 'at the end of the pull budget the host has failed, and the release has not',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const v2 = await site.release('2', { web: ALSO_WELL }, { policy: { pull_budget_seconds: 10 } });
      await site.registry.fail({ kind: 'away' });
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: false,
        explain: /connection refused/,
        kept: 'all',
      });
    },
  },
  {
    stack: 'hangs',
    promise: 'a registry that hangs uses up the pull budget, and not the good name of the release',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const v2 = await site.release('2', { web: ALSO_WELL }, { policy: { pull_budget_seconds: 10 } });
      await site.registry.fail({ kind: 'hangs' });
      await site.expectBack(await site.begin(v2), v1, { quarantine: false, kept: 'all' });
    },
  },
];
