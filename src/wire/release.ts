import * as z from 'zod';
import {
  DEFAULT_POLICY,
  DEFAULT_TELEMETRY_LIMITS,
  defaultMaxUnhealthySeconds,
  NO_SERVICES,
  RELEASE_LIMITS,
  type ReleasePolicy,
  STACK_NAME,
} from '../domain/release.ts';

/** Compose's rule for a project name. */
export const stackSchema = z
  .string()
  .regex(
    STACK_NAME,
    "must be a Compose project name: at most 63 lower-case letters, digits, '-' and '_', starting with a letter or digit",
  );

export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be 'sha256:' and 64 hex digits");

/** Stays below the release's own directory, on any machine. */
const relativePath = z
  .string()
  .min(1)
  .max(255)
  .refine(
    (path) => !/[\\\0:]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    "must be a relative path: parts between '/', none of them empty, '.' or '..', and no ':' or backslash",
  );

/**
 * A text file with mode 0644 is its text alone, as it has always been; what is binary, a program or private says so.
 * `mode` is octal, as `chmod` takes it.
 */
const fileMode = z
  .string()
  .regex(/^0[0-7]{3}$/, "must be an octal mode such as '0755'")
  .optional();
const releaseFile = z.union([
  z.string(),
  z.strictObject({ text: z.string(), mode: fileMode }),
  z.strictObject({ base64: z.base64(), mode: fileMode }),
]);
export type ReleaseFileBody = z.output<typeof releaseFile>;

const DEFAULT_FILE_MODE = 0o644;

/** What a file of a release contains and its mode. */
export function readReleaseFile(file: ReleaseFileBody): {
  readonly content: string | Uint8Array;
  readonly mode: number;
} {
  if (typeof file === 'string') return { content: file, mode: DEFAULT_FILE_MODE };
  const mode = file.mode === undefined ? DEFAULT_FILE_MODE : Number.parseInt(file.mode, 8);
  return { content: 'text' in file ? file.text : Buffer.from(file.base64, 'base64'), mode };
}

const probeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "must be 1–63 letters, digits, '.', '_' or '-', starting with a letter or digit",
  );

const httpCheck = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2048),
  /** Without it, any status below 400. */
  status: z.int().min(100).max(599).optional(),
});
const tcpCheck = z.strictObject({
  address: z
    .string()
    .max(300)
    .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/]+):\d{1,5}$/, 'must be HOST:PORT, for example 127.0.0.1:5432'),
});
const execCheck = z.strictObject({
  service: z.string().min(1).max(128),
  command: z.array(z.string().max(4096)).min(1).max(64),
});

const probeBase = {
  name: probeName,
  mode: z.enum(['enforce', 'observe']),
  interval_seconds: z.number().min(0.5).max(3600).default(5),
  timeout_seconds: z.number().min(0.1).max(300).default(3),
};

const probeSchema = z.union([
  z.strictObject({ ...probeBase, http: httpCheck }),
  z.strictObject({ ...probeBase, tcp: tcpCheck }),
  z.strictObject({ ...probeBase, exec: execCheck }),
]);
export type ProbeBody = z.output<typeof probeSchema>;

const telemetryPolicy = z.strictObject({
  max_restarts: z.int().min(0).max(1000).default(DEFAULT_TELEMETRY_LIMITS.maxRestarts),
  max_memory_growth_mb_per_minute: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(DEFAULT_TELEMETRY_LIMITS.maxMemoryGrowthMbPerMinute),
  max_cpu_ratio: z.number().min(1).max(1000).default(DEFAULT_TELEMETRY_LIMITS.maxCpuRatio),
  min_cpu_percent: z.number().min(0).max(100_000).default(DEFAULT_TELEMETRY_LIMITS.minCpuPercent),
  /** Without it, a share of the soak: see `defaultMaxUnhealthySeconds`. */
  max_unhealthy_seconds: z.number().min(0).max(86_400).optional(),
});

export const soakSecondsSchema = z.int().min(0).max(604_800);

const policySchema = z.strictObject({
  activation_timeout_seconds: z.int().min(1).max(86_400).default(DEFAULT_POLICY.activationTimeoutSeconds),
  soak_seconds: soakSecondsSchema.default(DEFAULT_POLICY.soakSeconds),
  sustained_failure_seconds: z.int().min(0).max(86_400).default(DEFAULT_POLICY.sustainedFailureSeconds),
  on_health_failure: z.enum(['halt', 'rollback-and-halt']).default(DEFAULT_POLICY.onHealthFailure),
  /** A soak without telemetry of the stack holds with `required`, and passes as not judged with `judged`. */
  telemetry: z.enum(['judged', 'required', 'off']).default(DEFAULT_TELEMETRY_LIMITS.mode),
  telemetry_limits: telemetryPolicy.optional(),
  // Agents of before refuse a manifest with these, so it names them only where somebody chose a value.
  /** A host that cannot reach the server for so long after its activation goes back by itself; 0 turns this off. */
  confirm_seconds: z.int().min(0).max(86_400).optional(),
  /** How long trouble of the host or its registry may delay an activation. */
  pull_budget_seconds: z.int().min(0).max(604_800).optional(),
  on_lost_host: z.enum(['hold', 'fail']).optional(),
  rerun_jobs_on_rollback: z.boolean().optional(),
  /** Exits with a code other than 0 that one container may have during the soak, start-up apart. */
  max_restarts: z.int().min(0).max(1000).optional(),
  on_drift: z.enum(['report', 'heal']).optional(),
});

/** `nexus.release/1`. Unknown fields are refused: a misspelt limit must not become a missing one. */
export const manifestSchema = z
  .strictObject({
    kind: z.literal('nexus.release/1'),
    stack: stackSchema,
    version: z.string().min(1).max(128),
    compose: z.string().min(1),
    /** Files of the release that are Compose files too, merged over `compose` in this order. */
    overrides: z.array(relativePath).min(1).max(16).optional(),
    files: z
      .record(relativePath, releaseFile)
      .refine(
        (files) => Object.keys(files).length <= RELEASE_LIMITS.maxFiles,
        `must have at most ${RELEASE_LIMITS.maxFiles} files`,
      )
      .optional(),
    probes: z.array(probeSchema).max(RELEASE_LIMITS.maxProbes).optional(),
    policy: policySchema.optional(),
    /** It takes its stack away: containers and networks, but no volumes. Said outright, so that no mistake in a file does. */
    removes_stack: z.literal(true).optional(),
  })
  .refine((body) => body.removes_stack !== true || body.compose === NO_SERVICES, {
    message: `must be ${JSON.stringify(NO_SERVICES)} in a release that takes its stack away`,
    path: ['compose'],
  })
  .refine((body) => (body.overrides ?? []).every((path) => textOf(body.files?.[path]) !== undefined), {
    message: 'must be names of text files of the release',
    path: ['overrides'],
  });

function textOf(file: ReleaseFileBody | undefined): string | undefined {
  return typeof file === 'object' ? ('text' in file ? file.text : undefined) : file;
}

/** Its Compose files in the order in which they are merged. */
export function composeTexts(manifest: Pick<Manifest, 'compose' | 'overrides' | 'files'>): string[] {
  return [manifest.compose, ...(manifest.overrides ?? []).map((path) => textOf(manifest.files?.[path]) ?? '')];
}

export type ManifestBody = z.input<typeof manifestSchema>;
export type Manifest = z.output<typeof manifestSchema>;

/** A manifest's policy with every default filled in. */
export function readPolicy(manifest: Manifest): ReleasePolicy {
  const policy = manifest.policy ?? policySchema.parse({});
  const limits = policy.telemetry_limits ?? telemetryPolicy.parse({});
  return {
    activationTimeoutSeconds: policy.activation_timeout_seconds,
    soakSeconds: policy.soak_seconds,
    sustainedFailureSeconds: policy.sustained_failure_seconds,
    onHealthFailure: policy.on_health_failure,
    telemetry: {
      mode: policy.telemetry,
      maxRestarts: limits.max_restarts,
      maxMemoryGrowthMbPerMinute: limits.max_memory_growth_mb_per_minute,
      maxCpuRatio: limits.max_cpu_ratio,
      minCpuPercent: limits.min_cpu_percent,
      maxUnhealthySeconds:
        limits.max_unhealthy_seconds ??
        defaultMaxUnhealthySeconds(policy.soak_seconds, policy.sustained_failure_seconds),
    },
    confirmSeconds: policy.confirm_seconds ?? DEFAULT_POLICY.confirmSeconds,
    pullBudgetSeconds: policy.pull_budget_seconds ?? DEFAULT_POLICY.pullBudgetSeconds,
    onLostHost: policy.on_lost_host ?? DEFAULT_POLICY.onLostHost,
    rerunJobsOnRollback: policy.rerun_jobs_on_rollback ?? DEFAULT_POLICY.rerunJobsOnRollback,
    maxRestarts: policy.max_restarts ?? DEFAULT_POLICY.maxRestarts,
    onDrift: policy.on_drift ?? DEFAULT_POLICY.onDrift,
  };
}

export const quarantineBodySchema = z.object({
  stack: z.string(),
  release: z.string(),
  rollout_id: z.string(),
  host: z.string(),
  failing_probes: z.array(z.string()),
  output: z.string(),
  since: z.string(),
});
export type QuarantineBody = z.output<typeof quarantineBodySchema>;

export const releaseBodySchema = z.object({
  digest: z.string(),
  stack: z.string(),
  version: z.string(),
  created_at: z.string(),
  quarantine: quarantineBodySchema.nullable(),
});
export type ReleaseBody = z.output<typeof releaseBodySchema>;

export const releaseListBodySchema = z.object({
  releases: z.array(releaseBodySchema),
  next_cursor: z.string().nullable(),
});
export type ReleaseListBody = z.output<typeof releaseListBodySchema>;

/** `POST /v1/releases/{digest}/lift`: lets a quarantined release be dispatched again. */
export const liftQuarantineSchema = z.strictObject({ reason: z.string().min(1).max(1000) });

export const liftedBodySchema = z.object({ lifted: z.number() });
export type LiftedBody = z.output<typeof liftedBodySchema>;
