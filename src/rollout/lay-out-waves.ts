/** Sizes of waves, as an operator writes them (`1,25%,100%`), into hosts. */
import { ROLLOUT_LIMITS, type WaveSize } from '../domain/rollout.ts';

export type LaidOut =
  | { readonly ok: true; readonly waves: readonly (readonly string[])[] }
  /** A sentence that says what to change. */
  | { readonly ok: false; readonly reason: string };

/**
 * Hosts keep the order they are given in; a share is rounded up. A wave that adds nobody, because the fleet is small, is
 * left out. Every host must have found a wave.
 */
export function layOutWaves(sizes: readonly WaveSize[], hosts: readonly string[]): LaidOut {
  const objection = objectTo(sizes, hosts);
  if (objection !== null) return { ok: false, reason: objection };
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
  return { ok: false, reason: `${beyond} of ${hosts.length} hosts are in no wave: let the last wave be 100 %` };
}

function objectTo(sizes: readonly WaveSize[], hosts: readonly string[]): string | null {
  const { maxHosts, maxWaves } = ROLLOUT_LIMITS;
  if (hosts.length === 0) return 'the rollout has no hosts';
  if (hosts.length > maxHosts) return `the rollout has ${hosts.length} hosts: at most ${maxHosts} are taken`;
  const twice = findTwice(hosts);
  if (twice !== undefined) return `'${twice}' is named twice`;
  if (sizes.length === 0) return 'the rollout has no waves';
  if (sizes.length > maxWaves) return `there are ${sizes.length} waves: at most ${maxWaves} are taken`;
  let percent = 0;
  for (const size of sizes) {
    if ('count' in size) {
      if (!Number.isSafeInteger(size.count) || size.count < 1) return `a wave of ${size.count} hosts cannot be`;
      continue;
    }
    if (!(size.percent > 0 && size.percent <= 100)) return `a wave of ${size.percent} % cannot be`;
    if (size.percent <= percent) return `a wave of ${size.percent} % after one of ${percent} % adds nobody`;
    percent = size.percent;
  }
  return null;
}

function findTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}
