/** What `rollout watch` draws, as lines. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { progressBar } from '../../../src/cli/rollout/bar.ts';
import { paintLine } from '../../../src/cli/rollout/line.ts';
import { LiveScreen } from '../../../src/cli/rollout/screen.ts';
import { renderRollout } from '../../../src/cli/rollout/view.ts';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import type { RolloutSnapshot } from '../../../src/explain/snapshot.ts';
import type { RolloutBody, RolloutHostBody } from '../../../src/wire/rollout.ts';
import { rolloutHost, SHOP_1_4, sampleRollout } from '../../client/sample-rollouts.ts';
import { memoryTerminal, NOON_MS } from '../memory-terminal.ts';

function draw(rollout: RolloutBody, columns = 100, rows = 30): string[] {
  const snapshot: RolloutSnapshot = {
    rollout,
    policy: {
      ...DEFAULT_POLICY,
      activationTimeoutSeconds: 600,
      soakSeconds: 60,
      sustainedFailureSeconds: 15,
      onHealthFailure: 'rollback-and-halt',
    },
    releaseNames: new Map([[SHOP_1_4, 'shop 1.4 (4f2a9c01b7de)']]),
    nowMs: NOON_MS,
  };
  return renderRollout(memoryTerminal({ columns }), snapshot, { columns, rows }).map(stripVTControlCharacters);
}

const CONVERGED: Partial<RolloutHostBody> = { state: 'converged', epoch: 1, previous_release: SHOP_1_4 };
const SOAKING: Partial<RolloutHostBody> = {
  state: 'soaking',
  epoch: 1,
  state_since: '2026-05-01T11:59:38.000Z',
  soak_due_at: '2026-05-01T12:00:38.000Z',
  previous_release: SHOP_1_4,
};
const FRONT = { name: 'front', mode: 'enforce', since: '2026-05-01T11:59:56.000Z' };
const ACTIVATING: Partial<RolloutHostBody> = {
  state: 'activating',
  epoch: 1,
  state_since: '2026-05-01T11:59:55.000Z',
};
const WAVE_3 = { gate: 'wave', reason: 'wave 3 of 3 has not begun' };
const FULL = { gate: 'max_in_flight', reason: '2 hosts in flight, and max_in_flight is 2' };

describe('a rollout under way', () => {
  const hosts = [
    rolloutHost('web-1', CONVERGED),
    rolloutHost('web-2', {
      ...SOAKING,
      wave: 1,
      probes: [{ ...FRONT, status: 'fail', reason: 'HTTP 502' }],
      telemetry: { status: 'ok', since: '2026-05-01T11:59:50.000Z', reason: 'fine', figures: {} },
    }),
    rolloutHost('web-3', { ...ACTIVATING, wave: 1 }),
    rolloutHost('web-4', { wave: 1, held_by: FULL }),
    rolloutHost('web-5', { wave: 2, held_by: WAVE_3 }),
  ];
  const rollout = sampleRollout(hosts, { current_wave: 1, max_in_flight: 2 });

  it('shows each host: its stage, since when, and what it waits for', () => {
    assert.deepEqual(draw(rollout), [
      'shop 1.5 (9ad49925e0e3)  active for 2 min  ro_1',
      '██████▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░  1 converged, 2 in flight, 2 pending of 5 hosts',
      '',
      'wave 1 of 3  1 converged',
      '  ✓ web-1  converged',
      'wave 2 of 3  2 in flight, 1 pending',
      "  ◕ web-2  soaking     22 s         38 s of soak left · probe 'front' failing for 4 s: HTTP 502",
      '  ◐ web-3  activating  5 s          pulling images and starting containers',
      '  · web-4  pending     2 min        2 hosts in flight, and max_in_flight is 2',
      'wave 3 of 3  1 pending',
      '  · web-5  pending     2 min        waits for wave 2',
    ]);
  });

  it('cuts its lines where the terminal ends', () => {
    const lines = draw(rollout, 60);
    assert.equal(lines[6], '  ◕ web-2  soaking     22 s         38 s of soak left · pro…');
    assert.ok(lines.every((line) => line.length <= 60));
  });

  it('counts where there is no room for every host', () => {
    assert.deepEqual(draw(rollout, 100, 10), [
      'shop 1.5 (9ad49925e0e3)  active for 2 min  ro_1',
      '██████▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░  1 converged, 2 in flight, 2 pending of 5 hosts',
      '',
      'wave 1 of 3  1 converged',
      'wave 2 of 3  2 in flight, 1 pending',
      "  ◕ web-2  soaking     22 s         38 s of soak left · probe 'front' failing for 4 s: HTTP 502",
      '  ◐ web-3  activating  5 s          pulling images and starting containers',
      '  · 1 waiting: 2 hosts in flight, and max_in_flight is 2',
      'wave 3 of 3  1 pending',
    ]);
  });

  it('never has more lines than there are', () => {
    for (let rows = 1; rows <= 12; rows += 1) assert.ok(draw(rollout, 100, rows).length <= rows, String(rows));
    assert.equal(draw(rollout, 100, 3).at(-1), '…');
  });
});

describe('a canary that was caught', () => {
  const failure = {
    failing_probes: ['front'],
    output: 'front: HTTP 502',
    at: '2026-05-01T11:59:30.000Z',
    trouble: null,
    evidence: [],
  };
  const failed = rolloutHost('web-1', {
    state: 'failed',
    epoch: 1,
    state_since: '2026-05-01T11:59:30.000Z',
    previous_release: SHOP_1_4,
    failure,
  });
  const untouched = [2, 3].map((number) => rolloutHost(`web-${number}`, { wave: 1 }));
  const halted: Partial<RolloutBody> = {
    state: 'halted',
    state_since: '2026-05-01T11:59:30.000Z',
    reason: "'web-1' failed ('front'): 1 host failed, and failure_threshold is 0",
  };

  it('is rolling back, and the others are not touched', () => {
    assert.deepEqual(draw(sampleRollout([failed, ...untouched], halted)), [
      'shop 1.5 (9ad49925e0e3)  halted for 30 s  ro_1',
      "'web-1' failed ('front'): 1 host failed, and failure_threshold is 0",
      '██████████░░░░░░░░░░░░░░░░░░░░  1 failed, 2 pending of 3 hosts',
      '',
      'wave 1 of 2  1 failed',
      "  ✗ web-1  failed      30 s         probe 'front' failed · rolling back",
      'wave 2 of 2  2 pending',
      '  · web-2  pending     2 min        not touched',
      '  · web-3  pending     2 min        not touched',
    ]);
  });

  it('is rolled back', () => {
    const reverted = { ...failed, state: 'reverted', state_since: '2026-05-01T11:59:58.000Z' } as const;
    const lines = draw(sampleRollout([reverted, ...untouched], halted));
    assert.equal(
      lines[5],
      "  ↩ web-1  reverted    2 s          probe 'front' failed · back on shop 1.4 (4f2a9c01b7de)",
    );
  });
});

describe('ten thousand hosts', () => {
  const hosts = Array.from({ length: 10_000 }, (_, index): RolloutHostBody => {
    const name = `edge-${index}`;
    if (index < 2_000) return rolloutHost(name, { ...CONVERGED, wave: index === 0 ? 0 : 1 });
    if (index < 2_030) return rolloutHost(name, { ...ACTIVATING, wave: 1 });
    if (index === 2_030) {
      return rolloutHost(name, { ...SOAKING, wave: 1, probes: [{ ...FRONT, status: 'fail', reason: null }] });
    }
    if (index < 2_500) {
      const held_by = index < 2_033 ? { gate: 'host', reason: `'${name}' is offline` } : FULL;
      return rolloutHost(name, { wave: 1, held_by });
    }
    return rolloutHost(name, { wave: 2, held_by: WAVE_3 });
  });
  const rollout = sampleRollout(hosts, { current_wave: 1 });

  it('fit on a terminal: as counts, and those with something to report, trouble first', () => {
    assert.deepEqual(draw(rollout, 100, 18), [
      'shop 1.5 (9ad49925e0e3)  active for 2 min  ro_1',
      '██████▓░░░░░░░░░░░░░░░░░░░░░░░  2000 converged, 31 in flight, 7969 pending of 10000 hosts',
      '',
      'wave 1 of 3  1 converged',
      'wave 2 of 3  1999 converged, 31 in flight, 469 pending',
      "  ◕ edge-2030  soaking     22 s         38 s of soak left · probe 'front' failing for 4 s",
      '  ◐ edge-2000  activating  5 s          pulling images and starting containers',
      '  ◐ edge-2001  activating  5 s          pulling images and starting containers',
      '  ◐ edge-2002  activating  5 s          pulling images and starting containers',
      '  ◐ edge-2003  activating  5 s          pulling images and starting containers',
      '  ◐ edge-2004  activating  5 s          pulling images and starting containers',
      '    and 25 more in flight',
      "  · 2 waiting: 'edge-2031' is offline",
      '  · 467 waiting: 2 hosts in flight, and max_in_flight is 2',
      'wave 3 of 3  7500 pending',
    ]);
  });
});

describe('many waves', () => {
  it('share lines where nothing happens', () => {
    const hosts = Array.from({ length: 12 }, (_, wave) =>
      rolloutHost(`web-${wave}`, wave < 4 ? { ...CONVERGED, wave } : wave === 4 ? { ...ACTIVATING, wave } : { wave }),
    );
    assert.deepEqual(draw(sampleRollout(hosts, { current_wave: 4 }), 100, 16).slice(3), [
      'waves 1–4 of 12  4 converged',
      'wave 5 of 12  1 in flight',
      '  ◐ web-4  activating  5 s          pulling images and starting containers',
      'waves 6–12 of 12  7 pending',
    ]);
  });
});

describe('the progress bar', () => {
  const bar = (counts: Partial<Record<'pending' | 'inFlight' | 'converged' | 'failed' | 'left', number>>): string => {
    const all = { pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0, ...counts };
    const hosts = Object.values(all).reduce((sum, count) => sum + count, 0);
    return progressBar({ hosts, ...all })
      .map(([text]) => text)
      .join('');
  };
  const rows: Array<[Parameters<typeof bar>[0], string]> = [
    [{ pending: 3 }, '░'.repeat(30)],
    [{ converged: 3 }, '█'.repeat(30)],
    [{ converged: 1, inFlight: 1, pending: 1 }, `${'█'.repeat(10)}${'▓'.repeat(10)}${'░'.repeat(10)}`],
    [{ converged: 9_998, failed: 1, inFlight: 1 }, `${'█'.repeat(29)}▓`],
    [{ pending: 9_999, inFlight: 1 }, `▓${'░'.repeat(29)}`],
    [{}, '░'.repeat(30)],
  ];
  for (const [counts, expected] of rows) it(JSON.stringify(counts), () => assert.equal(bar(counts), expected));
});

describe('a line', () => {
  const terminal = memoryTerminal();
  const plain = (line: Parameters<typeof paintLine>[1], columns: number): string =>
    stripVTControlCharacters(paintLine(terminal, line, columns));
  const rows: Array<[Parameters<typeof paintLine>[1], number, string]> = [
    [[['abc'], ['def', 'red']], 6, 'abcdef'],
    [[['abc'], ['def', 'red']], 5, 'abcd…'],
    [[['abc'], ['def', 'red']], 4, 'abc…'],
    [[['abc'], ['def', 'red']], 3, 'ab…'],
    [[['abc  ', 'red'], ['   ']], 3, 'abc'],
    [[], 10, ''],
    [[['a\u001b[2Jb']], 10, 'a\ufffd[2Jb'],
  ];
  for (const [line, columns, expected] of rows) {
    it(`${JSON.stringify(line)} in ${columns} columns`, () => assert.equal(plain(line, columns), expected));
  }
});

describe('the screen', () => {
  it('draws over what it drew, without clearing anything above', () => {
    const terminal = memoryTerminal({ columns: 80 });
    const screen = new LiveScreen(terminal);
    screen.draw(['one', 'two']);
    screen.draw(['three']);
    assert.equal(
      terminal.rawOut(),
      '\u001b[?2026h\u001b[2Kone\n\u001b[2Ktwo\n\u001b[J\u001b[?2026l' +
        '\u001b[?2026h\r\u001b[2A\u001b[2Kthree\n\u001b[J\u001b[?2026l',
    );
  });

  it('goes back over lines that a narrower window has wrapped', () => {
    const terminal = memoryTerminal({ columns: 80 });
    const screen = new LiveScreen(terminal);
    screen.draw(['x'.repeat(80), '']);
    Object.assign(terminal.stdout, { columns: 40 });
    screen.draw(['y']);
    assert.ok(terminal.rawOut().includes('\r\u001b[3A'));
  });
});
