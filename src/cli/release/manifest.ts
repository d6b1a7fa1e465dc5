import { messageOf, NexusError } from '../../domain/errors.ts';
import { parseWith } from '../../wire/problem.ts';
import { type Manifest, type ManifestBody, manifestSchema } from '../../wire/release.ts';
import { readDurationOrZero } from '../terminal/duration.ts';
import { readNumber } from '../terminal/number.ts';
import { type ProbeFlags, readProbes } from './probe.ts';
import type { ReleaseSources } from './sources.ts';

/** The flags of `release create` that become part of the manifest, as they were typed. */
export interface ManifestFlags extends ProbeFlags {
  readonly stack: string;
  readonly version: string;
  readonly soak?: string;
  readonly activationTimeout?: string;
  readonly sustainedFailure?: string;
  readonly onFailure?: 'halt' | 'rollback-and-halt';
  readonly pullBudget?: string;
  readonly confirm?: string;
  readonly onLostHost?: 'hold' | 'fail';
  readonly rerunJobs?: boolean;
  readonly onDrift?: 'report' | 'heal';
  readonly telemetry?: 'judged' | 'required' | 'off';
  readonly maxRestarts?: string;
  readonly maxMemoryGrowth?: string;
  readonly maxCpuRatio?: string;
  readonly minCpuPercent?: string;
  readonly maxUnhealthy?: string;
}

/** The field with the value that `read` finds in the flag, or nothing where the flag was not given. */
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
    ...field('max_unhealthy_seconds', '--max-unhealthy', flags.maxUnhealthy, readDurationOrZero),
  };
  return {
    ...field('activation_timeout_seconds', '--activation-timeout', flags.activationTimeout, readDurationOrZero),
    ...field('soak_seconds', '--soak', flags.soak, readDurationOrZero),
    ...field('sustained_failure_seconds', '--sustained-failure', flags.sustainedFailure, readDurationOrZero),
    ...(flags.onFailure === undefined ? {} : { on_health_failure: flags.onFailure }),
    ...field('pull_budget_seconds', '--pull-budget', flags.pullBudget, readDurationOrZero),
    ...field('confirm_seconds', '--confirm', flags.confirm, readDurationOrZero),
    ...(flags.onLostHost === undefined ? {} : { on_lost_host: flags.onLostHost }),
    ...(flags.rerunJobs === true ? { rerun_jobs_on_rollback: true } : {}),
    ...(flags.onDrift === undefined ? {} : { on_drift: flags.onDrift }),
    // The agent counts crashes, and the server's telemetry every restart: what is allowed counts for both.
    ...field('max_restarts', '--max-restarts', flags.maxRestarts, readNumber),
    ...(flags.telemetry === undefined ? {} : { telemetry: flags.telemetry }),
    ...(Object.keys(limits).length === 0 ? {} : { telemetry_limits: limits }),
  };
}

/**
 * The manifest of a release. Defaults are written out, so that a later version with other defaults still reads the same
 * release; the same flags and files give the same digest. Throws `usage` with the rules that are broken.
 */
export function buildManifest(flags: ManifestFlags, sources: ReleaseSources): Manifest {
  const body: ManifestBody = {
    kind: 'nexus.release/1',
    stack: flags.stack,
    version: flags.version,
    compose: sources.compose,
    ...(sources.overrides.length === 0 ? {} : { overrides: [...sources.overrides] }),
    ...(Object.keys(sources.files).length === 0 ? {} : { files: { ...sources.files } }),
    probes: readProbes(flags),
    policy: readPolicyFlags(flags),
  };
  const parsed = parseWith(manifestSchema, body);
  if (parsed.ok) return parsed.value;
  throw new NexusError('usage', 'these flags do not make a valid release', {
    details: { errors: parsed.errors },
  });
}

/** A whole manifest. Only that it is JSON is checked here: the server checks its rules. Throws `usage`. */
export function readManifest(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new NexusError('usage', `the file of --manifest is not JSON: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
