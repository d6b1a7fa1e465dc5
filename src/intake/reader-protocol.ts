/** Messages to and from the reader thread: few objects and one buffer for many bodies, because every object costs time. */
import type { AgentReport, HostFacts, PackedTick } from '../domain/telemetry.ts';

/** Concatenated bodies, and where each of them ends. */
export interface BodiesMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

interface TickParts {
  readonly recordedAtMs: number;
  readonly facts: HostFacts;
  readonly agent: AgentReport | null;
  readonly hostBytes: number;
  readonly containers: { readonly fingerprint: string; readonly count: number; readonly bytes: number } | null;
}

/** One entry for each body; null when the body is not plain. */
export interface TicksMessage {
  readonly ticks: ReadonlyArray<TickParts | null>;
  /** The bytes of the parts, concatenated. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function writeBodies(bodies: readonly Uint8Array[]): BodiesMessage {
  let end = 0;
  const ends = bodies.map((body) => {
    end += body.length;
    return end;
  });
  return { bytes: join(bodies), ends };
}

export function readBodies({ bytes, ends }: BodiesMessage): Uint8Array[] {
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

export function writeTicks(ticks: ReadonlyArray<PackedTick | null>): TicksMessage {
  const parts: Uint8Array[] = [];
  const written = ticks.map((tick) => {
    if (tick === null) return null;
    const { recordedAtMs, facts, agent, host, containers } = tick;
    parts.push(host);
    if (containers === null) return { recordedAtMs, facts, agent, hostBytes: host.length, containers };
    const { fingerprint, count, blocks } = containers;
    parts.push(blocks);
    return {
      recordedAtMs,
      facts,
      agent,
      hostBytes: host.length,
      containers: { fingerprint, count, bytes: blocks.length },
    };
  });
  return { ticks: written, bytes: join(parts) };
}

export function readTicks({ ticks, bytes }: TicksMessage): Array<PackedTick | null> {
  let at = 0;
  const take = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  return ticks.map((tick) => {
    if (tick === null) return null;
    const { recordedAtMs, facts, agent, hostBytes, containers: listed } = tick;
    const host = take(hostBytes);
    if (listed === null) return { recordedAtMs, facts, agent, host, containers: null };
    const { fingerprint, count } = listed;
    return { recordedAtMs, facts, agent, host, containers: { fingerprint, count, blocks: take(listed.bytes) } };
  });
}
