import { type HostStage, STAGE_TONES } from '../../explain/snapshot.ts';
import type { Style } from '../terminal/terminal.ts';
import { TONE_STYLES } from '../terminal/tone-style.ts';

/** One character for each stage, so that a column of them can be read without colours. */
export const STAGE_SIGNS: Readonly<Record<HostStage, string>> = {
  pending: '·',
  offered: '○',
  activating: '◐',
  deferred: '◌',
  soaking: '◕',
  converged: '✓',
  failed: '✗',
  reverted: '↩',
  left: '–',
};

export function stageStyle(stage: HostStage): Style | undefined {
  return TONE_STYLES[STAGE_TONES[stage]];
}
