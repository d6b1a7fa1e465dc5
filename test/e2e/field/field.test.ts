/**
 * The field table: what Nexus promises of rollouts on real hosts, one row for each thing that goes wrong out there.
 * Each row has agents and a stack of its own on engines that it shares with others, and is held to what the engines
 * themselves say. NEXUS_FIELD_ROWS=PATTERN runs the rows whose stack or promise matches, and NEXUS_FIELD_PENDING=1 also
 * those that wait for what they promise.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { skipWithoutLab } from '../../../scripts/lab/engine.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { skipWithoutTool } from '../../optional-tool.ts';
import { FieldLab } from './field-lab.ts';
import type { FieldRow } from './row.ts';
import { Site } from './site.ts';
import { PENDING_ROWS, ROWS } from './table.ts';

const skip = await skipWithoutLab();
const ALL_ROWS = process.env['NEXUS_FIELD_PENDING'] === '1' ? [...ROWS, ...PENDING_ROWS] : ROWS;

function chosenRows(): readonly FieldRow[] {
  const pattern = process.env['NEXUS_FIELD_ROWS'];
  if (pattern === undefined) return ALL_ROWS;
  const chosen = ALL_ROWS.filter(({ stack, promise }) => new RegExp(pattern).test(`${stack}: ${promise}`));
  assert.ok(chosen.length > 0, `NEXUS_FIELD_ROWS='${pattern}' chooses no row`);
  return chosen;
}

/** What takes long or has its engines to itself begins first, so that it does not end last. */
function inOrder(rows: readonly FieldRow[]): FieldRow[] {
  const rank = ({ isLong, engines }: FieldRow): number => (isLong === true ? 0 : engines === 'own' ? 1 : 2);
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

async function runRow(t: TestContext, lab: FieldLab, row: FieldRow): Promise<void> {
  await lab.onEngines(row.engines ?? 'shared', row.hosts ?? 1, async (places) => {
    const beganMs = systemRuntime.monotonicMs();
    // A test of its own inside, so that its clean-up is over before the engines go to the next row.
    await t.test('story', async (story) => {
      const site = await Site.open(story, lab, row, places);
      await row.story(site);
      await site.requireSound();
    });
    t.diagnostic(`${row.stack} took ${((systemRuntime.monotonicMs() - beganMs) / 1000).toFixed(1)} s`);
  });
}

test('rows of the field table', { skip, concurrency: 1_000, timeout: 1_500_000 }, async (t) => {
  const stacks = [...ROWS, ...PENDING_ROWS].map(({ stack }) => stack);
  assert.deepEqual(stacks, [...new Set(stacks)], 'every row has a stack of its own');
  const lab = await FieldLab.open(t);
  const withoutClocks = skipWithoutTool('libfaketime');
  await Promise.all(
    inOrder(chosenRows()).map((row) => {
      const skipRow = row.clock === 'steppable' && withoutClocks;
      return t.test(row.promise, { skip: skipRow }, (own) => runRow(own, lab, row));
    }),
  );
});
