/** Quantities as every table shows them. */

/** Stands for what was not measured. */
export const UNKNOWN = '–';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

function scale(value: number, firstUnit: number): string {
  let unit = firstUnit;
  let amount = value;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === firstUnit || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}

export function formatBytes(bytes: number | null): string {
  return bytes === null ? UNKNOWN : scale(bytes, 0);
}

/** Of what the wire calls MB and counts in units of 2^20 bytes. */
export function formatMebibytes(mebibytes: number | null): string {
  return mebibytes === null ? UNKNOWN : scale(mebibytes, 2);
}

/** Of what the wire calls GB and counts in units of 2^30 bytes. */
export function formatGibibytes(gibibytes: number | null): string {
  return gibibytes === null ? UNKNOWN : scale(gibibytes, 3);
}

export function formatPercent(percent: number | null): string {
  return percent === null ? UNKNOWN : `${percent.toFixed(percent >= 100 ? 0 : 1)}%`;
}

/** `812 MiB / 3.9 GiB`; the part alone where the whole is not known. */
export function formatShare(part: string, whole: string): string {
  return whole === UNKNOWN ? part : `${part} / ${whole}`;
}

/** Part of a whole as 0–100; null where either is unknown. */
export function percentOf(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : (part / whole) * 100;
}

export function formatNumber(value: number | null, digits: number): string {
  return value === null ? UNKNOWN : value.toFixed(digits);
}

/** Traffic in both directions, `1.2 MiB / 300 KiB`; one dash where neither was measured. */
export function formatTransfer(inBytes: number | null, outBytes: number | null): string {
  return inBytes === null && outBytes === null ? UNKNOWN : `${formatBytes(inBytes)} / ${formatBytes(outBytes)}`;
}
