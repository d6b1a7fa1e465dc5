/** One host's or container's values at one instant: what every export format is written from. */
import { CONTAINER_METRICS, HOST_METRICS } from '../domain/telemetry.ts';

export interface ExportRow {
  readonly recordedAtMs: number;
  readonly host: string;
  /** Null: the host's own values. */
  readonly container: { readonly id: string; readonly name: string } | null;
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** Every metric of either, each once. */
export const EXPORTED_METRICS: readonly string[] = [...new Set<string>([...HOST_METRICS, ...CONTAINER_METRICS])];

/** Takes a piece of the output; resolves when more may come. */
export type Sink = (piece: string | Uint8Array) => Promise<void> | void;

/** Rows of one host at a time, host after host, in time order within each series; may be gone through again. */
export interface ExportSource {
  hosts(): readonly string[];
  rows(host: string): Iterable<ExportRow>;
}

/** About this much text is collected before it is handed on. */
export const PIECE_LENGTH = 64 * 1024;
