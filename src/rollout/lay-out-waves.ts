/** Divides hosts into waves of the sizes that an operator gives (`1,25%,100%`). */
import { ROLLOUT_LIMITS, type WaveSize } from '../domain/rollout.ts';
import { quote } from '../domain/words.ts';

export type LaidOut =
  | { readonly ok: true; readonly waves: readonly (readonly string[])[] }
  /** A sentence that says what is wrong, and what to change. */
  | { readonly ok: false; readonly reason: string };

/**
 * Hosts keep their order, and a share is rounded up. A wave that adds no host, because the fleet is small, is left out.
 * Every host must be in a wave.
 */
export function layOutWaves(sizes: readonly WaveSize[], hosts: readonly string[]): LaidOut {
  const mistake = findMistake(sizes, hosts);
  if (mistake !== null) return { ok: false, reason: mistake };
  const waves: string[][] = [];
  let taken = 0;
  for (const size of sizes) {
    const upTo = 'count' in size ? taken + size.count : Math.ceil((hosts.length * size.percent) / 100);
    const wave = hosts.slice(taken, upTo);
    if (wave.length > 0) waves.push(wave);
    taken += wave.length;
  }
  const beyond = hosts.length - taken;
  if (beyond === 0) return { ok: true, waves };
  return { ok: false, reason: `${beyond} of ${hosts.length} hosts are in no wave: make the last wave 100%` };
}

function findMistake(sizes: readonly WaveSize[], hosts: readonly string[]): string | null {
  const { maxHosts, maxWaves } = ROLLOUT_LIMITS;
  if (hosts.length === 0) return 'a rollout must have at least 1 host';
  if (hosts.length > maxHosts) return `a rollout can have at most ${maxHosts} hosts, and this one has ${hosts.length}`;
  const duplicate = findDuplicate(hosts);
  if (duplicate !== undefined) return `host ${quote(duplicate)} is named twice`;
  if (sizes.length === 0) return 'a rollout must have at least 1 wave';
  if (sizes.length > maxWaves) return `a rollout can have at most ${maxWaves} waves, and this one has ${sizes.length}`;
  let percent = 0;
  for (const size of sizes) {
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
