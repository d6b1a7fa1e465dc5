import { NexusError } from '../../domain/errors.ts';
import { parseWith } from '../../wire/problem.ts';
import { type Manifest, type ManifestBody, manifestSchema } from '../../wire/release.ts';
import { parseDuration } from '../terminal/duration.ts';
import type { ReleaseSources } from './files.ts';
import { type ProbeFlags, readProbes } from './probe.ts';

/** The flags of `release create` that go into the manifest, as they were typed. */
export interface ManifestFlags extends ProbeFlags {
  readonly stack: string;
  readonly version: string;
  readonly soak?: string;
  readonly activationTimeout?: string;
  readonly sustainedFailure?: string;
  readonly onFailure?: 'halt' | 'rollback-and-halt';
  readonly telemetry?: 'judged' | 'required' | 'off';
  readonly maxRestarts?: string;
  readonly maxMemoryGrowth?: string;
  readonly maxCpuRatio?: string;
  readonly minCpuPercent?: string;
  readonly maxUnhealthy?: string;
}

/** Other than the durations of other flags, one of a policy may be nothing at all. */
function readSeconds(flag: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw new NexusError('usage', `${flag} is '${text}', which is no duration: write 0, 45s, 10m or 1h30m.`);
}

function readNumber(flag: string, text: string): number {
  if (/^\d{1,9}(?:\.\d{1,6})?$/.test(text)) return Number(text);
  throw new NexusError('usage', `${flag} is '${text}', which is no number: write one like 2 or 1.5.`);
}

/** The field with what `read` makes of the flag, or nothing where the flag was not given. */
function field<N extends string, T>(
  name: N,
  flag: string,
  text: string | undefined,
  read: (flag: string, text: string) => T,
): Partial<Record<N, T>> {
  return text === undefined ? {} : ({ [name]: read(flag, text) } as Record<N, T>);
}

function readPolicyFlags(flags: ManifestFlags): ManifestBody['policy'] {
  const limits = {
    ...field('max_restarts', '--max-restarts', flags.maxRestarts, readNumber),
    ...field('max_memory_growth_mb_per_minute', '--max-memory-growth', flags.maxMemoryGrowth, readNumber),
    ...field('max_cpu_ratio', '--max-cpu-ratio', flags.maxCpuRatio, readNumber),
    ...field('min_cpu_percent', '--min-cpu-percent', flags.minCpuPercent, readNumber),
    ...field('max_unhealthy_seconds', '--max-unhealthy', flags.maxUnhealthy, readSeconds),
  };
  return {
    ...field('activation_timeout_seconds', '--activation-timeout', flags.activationTimeout, readSeconds),
    ...field('soak_seconds', '--soak', flags.soak, readSeconds),
    ...field('sustained_failure_seconds', '--sustained-failure', flags.sustainedFailure, readSeconds),
    ...(flags.onFailure === undefined ? {} : { on_health_failure: flags.onFailure }),
    ...(flags.telemetry === undefined ? {} : { telemetry: flags.telemetry }),
    ...(Object.keys(limits).length === 0 ? {} : { telemetry_limits: limits }),
  };
}

/**
 * The manifest of a release. Defaults are written out, so that the release means the same for good, whatever a later
 * version takes for granted; the same flags and files give the same digest. Throws `usage` with the broken rules.
 */
export function buildManifest(flags: ManifestFlags, sources: ReleaseSources): Manifest {
  const body: ManifestBody = {
    kind: 'nexus.release/1',
    stack: flags.stack,
    version: flags.version,
    compose: sources.compose,
    ...(Object.keys(sources.files).length === 0 ? {} : { files: { ...sources.files } }),
    probes: readProbes(flags),
    policy: readPolicyFlags(flags),
  };
  const parsed = parseWith(manifestSchema, body);
  if (parsed.ok) return parsed.value;
  throw new NexusError('usage', 'these flags make no release that a server would take:', {
    details: { errors: parsed.errors },
  });
}

/** A manifest that is ready, as JSON. Only that is checked here: its rules are the server's. */
export function readManifest(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new NexusError('usage', `--manifest is no JSON: ${error instanceof Error ? error.message : 'unknown'}.`, {
      cause: error,
    });
  }
}
