/** What is still to come of releases made of files. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const releaseRows: readonly FieldRow[] = [
  {
    stack: 'meantagain',
    promise: 'a release that was removed leaves its version free, and one that runs is not removed',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      assert.equal((await site.command('release', 'remove', v1.digest)).code, 1);
      await site.nexus('release', 'remove', v2.digest);
      const other = await site.release('2', { web: { runs: WELL, environment: { VERSION: 'two' } } });
      await site.deploy(other);
      assert.match(await site.nexus('release', 'show', `${site.stack}@2`), new RegExp(other.digest.slice(7, 19)));
    },
  },
];
