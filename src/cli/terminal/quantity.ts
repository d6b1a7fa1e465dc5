/** What was not measured, as every table shows it. */
export const UNKNOWN = '–';

const STEPS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

function scale(value: number, firstUnit: number): string {
  let unit = firstUnit;
  let amount = value;
  while (amount >= 1024 && unit < STEPS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const digits = unit === firstUnit || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits)} ${STEPS[unit]}`;
}

/** Bytes in powers of 1024, as the Engine's own tools count. */
export function formatBytes(bytes: number | null): string {
  return bytes === null ? UNKNOWN : scale(bytes, 0);
}

export function formatMegabytes(megabytes: number | null): string {
  return megabytes === null ? UNKNOWN : scale(megabytes, 2);
}

export function formatGigabytes(gigabytes: number | null): string {
  return gigabytes === null ? UNKNOWN : scale(gigabytes, 3);
}

export function formatPercent(percent: number | null): string {
  if (percent === null) return UNKNOWN;
  return `${percent.toFixed(percent >= 100 ? 0 : 1)} %`;
}

/** `812 MB / 3.9 GB`; the part alone where the whole is not known. */
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

/** Two directions of one traffic, `1.2 MB / 300 KB`; one dash where neither was measured. */
export function formatTransfer(inBytes: number | null, outBytes: number | null): string {
  return inBytes === null && outBytes === null ? UNKNOWN : `${formatBytes(inBytes)} / ${formatBytes(outBytes)}`;
}
