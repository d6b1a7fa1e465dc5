/** Measured values, and what they come to. */
export class Samples {
  readonly #values: number[] = [];

  add(value: number): void {
    this.#values.push(value);
  }

  get count(): number {
    return this.#values.length;
  }

  /** The value that `percent` of all values do not exceed; NaN without any. */
  percentile(percent: number): number {
    const sorted = Float64Array.from(this.#values).sort();
    return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
  }

  get median(): number {
    return this.percentile(50);
  }
}

/** `1 234.5`: thin groups, so that columns of figures can be read. */
export function figure(value: number, digits = 0): string {
  return value
    .toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits })
    .replaceAll(',', ' ');
}

/** `0.43 of what the bare server does`. */
export function ratio(value: number, base: number): string {
  return (value / base).toFixed(2);
}

/** `31.2 ms (to reach: ≤ 25)`. */
export function besideLimit(value: number, unit: string, limit: number, digits = 0): string {
  return `${figure(value, digits)} ${unit} (to reach: ≤ ${figure(limit)})`;
}

/** One line of a report: a name, and what was measured. */
export function say(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(34)} ${text}\n`);
}

/** Says what must not be. Whatever else is to be measured still is, and the benchmark ends with exit code 1. */
export function fail(name: string, text: string): void {
  say(`FAILED: ${name}`, text);
  process.exitCode = 1;
}
