import { NexusError } from '../../domain/errors.ts';
import type { WaveSize } from '../../domain/rollout.ts';

function readWave(part: string): WaveSize | undefined {
  if (/^\d{1,9}$/.test(part) && Number(part) > 0) return { count: Number(part) };
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(part)?.[1] ?? 0);
  return percent > 0 && percent <= 100 ? { percent } : undefined;
}

/** `1,25%,100%`: the waves in their order. Whether they fit the hosts is for the server to decide. Throws `usage`. */
export function readWaves(text: string): WaveSize[] {
  return text.split(',').map((part) => {
    const wave = readWave(part.trim());
    if (wave !== undefined) return wave;
    throw new NexusError(
      'usage',
      `--waves is '${text}', where '${part.trim()}' is neither a number of hosts nor a percentage: write for example 1,25%,100%, where a percentage is the share of all hosts that is reached by then.`,
    );
  });
}

/** As {@link readWaves} reads them. */
export function formatWaves(waves: readonly WaveSize[]): string {
  return waves.map((wave) => ('count' in wave ? String(wave.count) : `${wave.percent}%`)).join(',');
}
