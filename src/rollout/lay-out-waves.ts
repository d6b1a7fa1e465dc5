/** Divides hosts into waves as an operator describes them (`role=canary:1h,25%,100%`). */
import { type Labels, matchesAll } from '../domain/host.ts';
import { ROLLOUT_LIMITS, type RolloutPlan, type WaveSize } from '../domain/rollout.ts';
import { formatLabels, quote } from '../domain/words.ts';

export type LaidOut =
  | ({ readonly ok: true } & Pick<RolloutPlan, 'waves' | 'waveSoakSeconds'>)
  /** A sentence that says what is wrong, and what to change. */
  | { readonly ok: false; readonly reason: string };

/**
 * Hosts keep their order, except that a selector takes its hosts out of it, and a share is rounded up. A wave that adds no
 * host, because the fleet is small or its hosts are in earlier waves, is left out; but a selector that no host matches is
 * refused, because a canary would be missing without a word. Every host must be in a wave.
 */
export function layOutWaves(
  sizes: readonly WaveSize[],
  hosts: readonly string[],
  labelsOf: (host: string) => Labels,
): LaidOut {
  const mistake = findMistake(sizes, hosts, labelsOf);
  if (mistake !== null) return { ok: false, reason: mistake };
  const waves: string[][] = [];
  const waveSoakSeconds: Array<number | null> = [];
  let left = hosts;
  for (const size of sizes) {
    const wave = takeWave(size, left, hosts.length, labelsOf);
    if (wave.length === 0) continue;
    waves.push(wave);
    waveSoakSeconds.push(size.soakSeconds ?? null);
    const taken = new Set(wave);
    left = left.filter((host) => !taken.has(host));
  }
  if (left.length === 0) return { ok: true, waves, waveSoakSeconds };
  return { ok: false, reason: `${left.length} of ${hosts.length} hosts are in no wave: make the last wave 100%` };
}

function takeWave(size: WaveSize, left: readonly string[], all: number, labelsOf: (host: string) => Labels): string[] {
  if ('selector' in size) return left.filter((host) => matchesAll(labelsOf(host), size.selector));
  if ('count' in size) return left.slice(0, size.count);
  return left.slice(0, Math.max(0, Math.ceil((all * size.percent) / 100) - (all - left.length)));
}

function findMistake(
  sizes: readonly WaveSize[],
  hosts: readonly string[],
  labelsOf: (host: string) => Labels,
): string | null {
  const { maxHosts, maxWaves } = ROLLOUT_LIMITS;
  if (hosts.length === 0) return 'a rollout must have at least 1 host';
  if (hosts.length > maxHosts) return `a rollout can have at most ${maxHosts} hosts, and this one has ${hosts.length}`;
  const duplicate = findDuplicate(hosts);
  if (duplicate !== undefined) return `host ${quote(duplicate)} is named twice`;
  if (sizes.length === 0) return 'a rollout must have at least 1 wave';
  if (sizes.length > maxWaves) return `a rollout can have at most ${maxWaves} waves, and this one has ${sizes.length}`;
  let percent = 0;
  for (const size of sizes) {
    if ('selector' in size) {
      if (Object.keys(size.selector).length === 0) return 'a wave with an empty selector would have every host';
      if (hosts.some((host) => matchesAll(labelsOf(host), size.selector))) continue;
      const labels = formatLabels(size.selector);
      return `no host of the rollout has the labels ${labels}, which one of its waves selects: label the hosts, or leave that wave out`;
    }
    if ('count' in size) {
      if (size.count < 1) return 'a wave must have at least 1 host';
      if (!Number.isSafeInteger(size.count)) return `a wave must have a whole number of hosts, not ${size.count}`;
      continue;
    }
    if (!(size.percent > 0 && size.percent <= 100)) {
      return `a wave must be more than 0% and at most 100% of the hosts, not ${size.percent}%`;
    }
    if (size.percent <= percent) {
      return `a wave of ${size.percent}% after one of ${percent}% adds no host: a share includes the waves before it`;
    }
    percent = size.percent;
  }
  return null;
}

function findDuplicate(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
