import { NexusError } from '../../domain/errors.ts';
import { formatLabels } from '../../domain/words.ts';
import type { WaveBody } from '../../wire/rollout.ts';
import { durationFlag, parseDuration } from '../terminal/duration.ts';

/** A number of hosts, a share of them, or the label that they carry. */
function readSize(text: string): WaveBody | undefined {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return { count: Number(text) };
  const percent = Number(/^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(text)?.[1] ?? 0);
  if (percent > 0 && percent <= 100) return { percent };
  const [, key, value] = /^([^=\s]+)=(\S*)$/.exec(text) ?? [];
  return key === undefined || value === undefined ? undefined : { selector: { [key]: value } };
}

/** Only the last ':' begins a soak, and only before a duration with its unit: the value of a label may contain more. */
function readWave(part: string): WaveBody | undefined {
  const at = part.lastIndexOf(':');
  const soak_seconds = at < 0 || /\d$/.test(part) ? undefined : parseDuration(part.slice(at + 1));
  if (soak_seconds === undefined) return readSize(part);
  const size = readSize(part.slice(0, at));
  return size === undefined ? undefined : { ...size, soak_seconds };
}

/**
 * `role=canary:1h,25%,100%`: the waves in their order, each with a soak of its own where one follows a ':'. Whether they
 * fit the hosts is for the server to decide. Throws `usage`.
 */
export function readWaves(text: string): WaveBody[] {
  return text.split(',').map((part) => {
    const wave = readWave(part.trim());
    if (wave !== undefined) return wave;
    throw new NexusError(
      'usage',
      `--waves is '${text}', where '${part.trim()}' is neither a number of hosts, nor a percentage, nor a label: write for example 1,25%,100% or role=canary:1h,100%, where a percentage is the share of all hosts that is reached by then, and a duration after ':' is how long that wave soaks.`,
    );
  });
}

/** As {@link readWaves} reads them. */
export function formatWaves(waves: readonly WaveBody[]): string {
  return waves.map((wave) => `${formatSize(wave)}${formatSoak(wave)}`).join(',');
}

function formatSize(wave: WaveBody): string {
  if ('count' in wave) return String(wave.count);
  return 'percent' in wave ? `${wave.percent}%` : formatLabels(wave.selector);
}

function formatSoak({ soak_seconds: seconds }: WaveBody): string {
  return seconds === undefined ? '' : `:${durationFlag(seconds)}`;
}
